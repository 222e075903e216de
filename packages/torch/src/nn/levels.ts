// A detection head's levels on their way into a loss, as rows of anchors, and out of the network, as boxes and scores; and the distances
// that their distributions expect.
import { callOperator } from "../dispatch.js";
import { arange, cat } from "../operators.generated.js";
import type { Tensor } from "../tensor.js";
import { usesOwnKernels } from "./plain-kernels.js";

/**
 * A head's levels as rows of anchors, level after level and row after row, their channels taken apart into parts, of which the first holds
 * distributions.
 * @param levels [B, Σ widths, Hᵢ, Wᵢ] each
 * @param widths the first is a multiple of `bins`
 * @returns `parts`: for every width [B, Σ Hᵢ · Wᵢ, width], contiguous and in float32; `expected` [B, Σ Hᵢ · Wᵢ, widths₀ / bins]:
 * Σ i · softmax(logits)ᵢ of the distributions, without a gradient
 */
export function flattenLevels(
  levels: readonly Tensor[],
  widths: readonly number[],
  bins: number,
): { parts: Tensor[]; expected: Tensor } {
  if (usesOwnKernels()) {
    const all = callOperator("yolov9::flatten_levels", "", [levels, widths, bins]) as Tensor[];
    return { parts: all.slice(0, -1), expected: all.at(-1)! };
  }
  const split = levels.map((level) => level.split_with_sizes([...widths], 1).map(anchorsFirst));
  const parts = widths.map((_, part) =>
    cat(
      split.map((level) => level[part]!),
      1,
    ),
  );
  const { shape, dtype, device } = parts[0]!;
  const distributions = parts[0]!.detach().view([...shape.slice(0, 2), widths[0]! / bins, bins]);
  return { parts, expected: distributions.softmax(-1).matmul(arange(bins, { dtype, device })) };
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
