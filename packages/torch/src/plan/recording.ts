// Notes the operators that are called, in their order, and keeps all their tensors alive meanwhile, so that memory tells them apart.
import { isTensorHandle, observeOperators } from "../dispatch.js";
import { bridge, type TensorHandle } from "../native.js";

/** One call of an operator; tensors in it are handles of the recording. */
export interface RecordedCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly results: readonly TensorHandle[];
}

export class Recording implements Disposable {
  readonly calls: RecordedCall[] = [];
  readonly #handles: TensorHandle[] = [];

  /** Records what `body` calls. @returns its result */
  run<T>(body: () => T): T {
    return observeOperators((name, args, result) => {
      const results = (Array.isArray(result) ? result : [result]).filter(isTensorHandle);
      this.calls.push({
        name,
        args: args.map((arg) => this.#kept(arg)),
        results: results.map((tensor) => this.keep(tensor)),
      });
    }, body);
  }

  /** Another handle to the same tensor, which lives as long as the recording. */
  keep(tensor: TensorHandle): TensorHandle {
    const handle = bridge.alias(tensor);
    this.#handles.push(handle);
    return handle;
  }

  [Symbol.dispose](): void {
    for (const handle of this.#handles) bridge.dispose(handle);
  }

  #kept(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.#kept(item));
    return isTensorHandle(value) ? this.keep(value) : value;
  }
}
