// Tensors that follow others: average ← decay · average + (1 − decay) · source, many tensors a call.
import { callOperator } from "../dispatch.js";
import { usesOwnKernels } from "../nn/plain-kernels.js";
import type { TensorList } from "../tensor-list.js";
import type { Tensor } from "../tensor.js";

/** One update of averages. `SGD.step` takes one along in its own pass over memory; `follow` does it alone. */
export interface AverageUpdate {
  /** Share of the old average in the new one, 0 … 1. */
  readonly decay: number;
  /** The tensors that hold the averages, by what they follow; of the same shape, dtype and device. */
  readonly averages: ReadonlyMap<Tensor, Tensor>;
}

export function follow({ decay, averages }: AverageUpdate): void {
  followLists([...averages.values()], [...averages.keys()], decay);
}

/** The same with tensors at the same index. */
export function followLists(
  averages: TensorList | readonly Tensor[],
  sources: TensorList | readonly Tensor[],
  decay: number,
): void {
  callOperator("yolov9::follow", "", [averages, sources, decay, usesOwnKernels()]);
}
