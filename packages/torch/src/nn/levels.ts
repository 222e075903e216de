// A detection head's levels on their way into a loss: as rows of anchors, and the distances that their distributions expect.
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
  if (usesOwnKernels()) return callOperator("yolov9::flatten_levels", "", [levels, widths]) as Tensor[];
  const parts = levels.map((level) => level.split_with_sizes([...widths], 1).map(anchorsFirst));
  return widths.map((_, part) =>
    cat(
      parts.map((level) => level[part]!),
      1,
    ),
  );
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
