// What a detection head loses, by kernels with their own backward, for float32 on the CPU.
import { callOperator } from "../dispatch.js";
import { tensor, type Tensor } from "../tensor.js";
import { usesOwnKernels } from "./plain-kernels.js";

/** Whether the functions below take it. */
export function hasLossKernels(logits: Tensor): boolean {
  return usesOwnKernels() && logits.device === "cpu" && logits.dtype === "float32";
}

/**
 * Binary cross-entropy of all logits, summed: Σ softplus(x) − t · x.
 * @param logits contiguous
 * @param positions where among the flattened logits the targets t are not zero
 * @throws Error for a position that does not exist
 */
export function crossEntropySum(logits: Tensor, positions: Int32Array, targets: Float32Array): Tensor {
  return callOperator("yolov9::cross_entropy", "", [logits, tensor(positions), tensor(targets)]) as Tensor;
}

/** Anchors that learn objects, as parallel lists of length F. */
export interface LearningAnchors {
  /** Among the rows of distributions, each at most once. */
  readonly rows: Int32Array;
  /** [F, 4] x y x y in cells. */
  readonly anchors: Float32Array;
  /** [F, 4] x1 y1 x2 y2 of the objects in cells. */
  readonly boxes: Float32Array;
}

/**
 * Σ weight · (1 − CIoU) and Σ weight · distribution focal loss.
 * @param distributions [rows, 4 · bins] logits, contiguous
 * @param weights [F]
 * @throws Error for a row that does not exist
 */
export function boxLossSums(
  distributions: Tensor,
  { rows, anchors, boxes }: LearningAnchors,
  weights: Float32Array,
): { box: Tensor; dfl: Tensor } {
  const lists = [rows, anchors, boxes, weights].map((values) => tensor(values));
  const sums = callOperator("yolov9::box_losses", "", [distributions, ...lists]) as Tensor;
  const [box, dfl] = sums.unbind(0);
  return { box: box!, dfl: dfl! };
}
