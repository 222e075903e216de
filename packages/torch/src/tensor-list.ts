// Tensors that operators take as one argument again and again: handed over once instead of one by one at every call.
import { bridge, type TensorListHandle } from "./native.js";
import type { Tensor } from "./tensor.js";

/** Keeps the memory of its tensors alive until it is disposed of. */
export class TensorList implements Disposable {
  readonly handle: TensorListHandle;
  readonly length: number;

  /** @param tensors undefined where there is none, for operators that allow it */
  constructor(tensors: readonly (Tensor | undefined)[]) {
    this.handle = bridge.makeTensorList(tensors.map((tensor) => tensor?.handle ?? null));
    this.length = tensors.length;
  }

  dispose(): void {
    bridge.disposeTensorList(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
