// A recording of the operators that a function calls: what a plan and an exported file are made from.
import { isTensorHandle, observeOperators } from "./dispatch.js";
import { bridge, type TensorHandle } from "./native.js";
import { Tensor } from "./tensor.js";

/** One call of an operator. Its tensors belong to the recording; the same tensor is the same object in every call. */
export interface OperatorCall {
  /** The schema's name, such as `aten::conv2d`. */
  readonly name: string;
  /** All arguments in schema order; undefined where the default holds. */
  readonly args: readonly unknown[];
  readonly results: readonly Tensor[];
}

/** Keeps every tensor that it saw alive until it is disposed of. */
export class Recording implements Disposable {
  readonly calls: OperatorCall[] = [];
  readonly #tensors = new Map<TensorHandle, Tensor>();

  /** Adds what `body` calls. @returns its result */
  run<T>(body: () => T): T {
    return observeOperators((name, args, result) => {
      const results = (Array.isArray(result) ? result : [result]).filter(isTensorHandle);
      this.calls.push({
        name,
        args: args.map((arg) => this.#kept(arg)),
        results: results.map((handle) => this.#own(handle)),
      });
    }, body);
  }

  /** The recording's own object for a tensor that calls take or give. */
  tensorOf(tensor: Tensor): Tensor {
    return this.#own(tensor.handle);
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }

  #own(handle: TensorHandle): Tensor {
    const known = this.#tensors.get(handle);
    if (known !== undefined) return known;
    const tensor = new Tensor(bridge.alias(handle)).keep();
    this.#tensors.set(handle, tensor);
    return tensor;
  }

  #kept(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.#kept(item));
    return isTensorHandle(value) ? this.#own(value) : value;
  }
}
