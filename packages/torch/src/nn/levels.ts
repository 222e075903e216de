// A detection head's levels on their way into a loss, as rows of anchors, and out of the network, as boxes and scores; and the distances
// that their distributions expect.
import { noGrad } from "../autograd.js";
import { callOperator } from "../dispatch.js";
import { arange, cat } from "../operators.generated.js";
import type { Tensor } from "../tensor.js";
import { usesOwnKernels } from "./plain-kernels.js";

/**
 * A head's levels as rows of anchors, level after level and row after row, their channels taken apart into parts.
 * @param levels [B, Σ widths, Hᵢ, Wᵢ] each
 * @returns for every width [B, Σ Hᵢ · Wᵢ, width], contiguous and in float32
 */
export function flattenLevels(levels: readonly Tensor[], widths: readonly number[]): Tensor[] {
  if (usesOwnKernels()) return callOperator("yolov9::flatten_levels", "", [levels, widths, 0]) as Tensor[];
  const parts = levels.map((level) => level.split_with_sizes([...widths], 1).map(anchorsFirst));
  return widths.map((_, part) =>
    cat(
      parts.map((level) => level[part]!),
      1,
    ),
  );
}

/**
 * The same where the first part holds distributions.
 * @param widths the first is a multiple of `bins`
 * @returns `expected` [B, Σ Hᵢ · Wᵢ, width / bins], their expectations, without a gradient
 */
export function flattenDistributions(
  levels: readonly Tensor[],
  widths: readonly number[],
  bins: number,
): { parts: Tensor[]; expected: Tensor } {
  if (usesOwnKernels()) {
    const all = callOperator("yolov9::flatten_levels", "", [levels, widths, bins]) as Tensor[];
    return { parts: all.slice(0, -1), expected: all.at(-1)! };
  }
  const parts = flattenLevels(levels, widths);
  const [first] = parts;
  const shape = [...first!.shape.slice(0, 2), widths[0]! / bins, bins];
  return { parts, expected: noGrad(() => expectation(first!.view(shape))) };
}

/**
 * Σ i · softmax(logits)ᵢ over the last dimension, without a gradient: [..., bins] → [...].
 * @throws Error where a gradient is recorded
 */
export function expectation(logits: Tensor): Tensor {
  if (usesOwnKernels()) return callOperator("yolov9::expectation", "", [logits]) as Tensor;
  const { dtype, device, shape } = logits;
  return logits.softmax(-1).matmul(arange(shape.at(-1)!, { dtype, device }));
}

/** [B, C, H, W] → [B, H * W, C] in float32. */
function anchorsFirst(level: Tensor): Tensor {
  const [batch, channels] = level.shape;
  return level.permute([0, 2, 3, 1]).reshape([batch!, -1, channels!]).to({ dtype: "float32" });
}

/** How a head's channels are to be read: the distributions of 4 distances, classes, and perhaps an objectness. */
export interface HeadChannels {
  readonly bins: number;
  readonly objectness: boolean;
}

/**
 * Levels as boxes and scores. Distances are the expectation of a softmax over the bins (Li et al. 2020, Generalized Focal Loss); a box is
 * spanned from its anchor by the distances to its left, top, right and bottom side.
 * @param levels [B, 4 · bins + classes (+ 1), Hᵢ, Wᵢ] each
 * @param anchors.centres [2, A] x and y in pixels
 * @param anchors.strides [1, A] pixels a cell
 * @returns [B, 4 + classes, A] cx cy w h in pixels, then scores: sigmoids, times the objectness where there is one; in the anchors' type
 */
export function decodeLevels(
  levels: readonly Tensor[],
  { centres, strides }: { readonly centres: Tensor; readonly strides: Tensor },
  { bins, objectness }: HeadChannels,
): Tensor {
  return callOperator("yolov9::decode_levels", "", [
    levels,
    centres,
    strides,
    bins,
    objectness,
    usesOwnKernels(),
  ]) as Tensor;
}
