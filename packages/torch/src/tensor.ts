// Tensor: a handle to libtorch's tensor with typed operators as methods. It adds shapes, lifetimes, gradients and the
// way from and to JavaScript's arrays; the arithmetic is all libtorch's.
import { bytesPerElement, dtypeOf, typedArrayOf, type DType, type MemoryFormat, type TypedArray } from "./dtype.js";
import { bridge, type TensorHandle } from "./native.js";
import { TensorOperators } from "./operators.generated.js";
import { registerInScope, releaseFromScopes } from "./scope.js";
import { callOperator } from "./dispatch.js";

export class Tensor extends TensorOperators implements Disposable {
  /** What a Module takes the tensor for: a parameter is trained, a buffer is state that is only saved. */
  role: "parameter" | "buffer" | undefined;
  #handle: TensorHandle | undefined;
  #shape: readonly number[] | undefined;

  /** Takes ownership of a handle of the bridge. Use `tensor()` or an operator to make one. */
  constructor(handle: TensorHandle) {
    super();
    this.#handle = handle;
    registerInScope(this);
  }

  /** @throws Error if the tensor was disposed of */
  get handle(): TensorHandle {
    if (this.#handle === undefined)
      throw new Error("the Tensor was already disposed of (by dispose() or by the end of its scope)");
    return this.#handle;
  }

  get isDisposed(): boolean {
    return this.#handle === undefined;
  }

  get shape(): readonly number[] {
    return (this.#shape ??= bridge.shape(this.handle));
  }

  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  get dtype(): DType {
    return bridge.dtype(this.handle);
  }

  /** "cpu", "cuda:0", … */
  get device(): string {
    return bridge.device(this.handle);
  }

  isContiguous(format: MemoryFormat = "contiguous"): boolean {
    return bridge.isContiguous(this.handle, format);
  }

  get requiresGrad(): boolean {
    return bridge.requiresGrad(this.handle);
  }

  set requiresGrad(flag: boolean) {
    bridge.setRequiresGrad(this.handle, flag);
  }

  /** The gradient accumulated by `backward`, if any; a new handle to the same memory at every call. */
  get grad(): Tensor | undefined {
    const handle = bridge.grad(this.handle);
    return handle === null ? undefined : new Tensor(handle);
  }

  /** Forgets the accumulated gradient and frees its memory. */
  clearGrad(): void {
    bridge.clearGrad(this.handle);
  }

  /**
   * Accumulates gradients in the leaves that this tensor was computed from.
   * @param gradient of the same shape; may be left out for a scalar
   */
  backward(gradient?: Tensor, { retainGraph = false }: { retainGraph?: boolean } = {}): void {
    bridge.backward(this.handle, gradient?.handle, retainGraph);
  }

  /** The only element, as a number. @throws Error if there are more */
  item(): number {
    return bridge.item(this.handle);
  }

  /** A copy of the elements in row-major order; half precisions arrive as float32, booleans as 0 and 1. */
  toArray(): TypedArray {
    const dtype = this.dtype;
    if (dtype !== "float16" && dtype !== "bfloat16") return typedArrayOf(bridge.toBytes(this.handle), dtype);
    using wide = this.to({ dtype: "float32" });
    return typedArrayOf(bridge.toBytes(wide.handle), "float32");
  }

  /**
   * Calls `body` with the elements of `toArray`, without copying them where they lie one after another on the CPU: the array is empty
   * once `body` has returned, and not to be written to. Within `body` the tensor may be disposed of.
   */
  withArray<Result>(body: (elements: TypedArray) => Result): Result {
    const { dtype } = this;
    const lent = dtype === "float16" || dtype === "bfloat16" ? null : bridge.lend(this.handle);
    if (lent === null) return body(this.toArray());
    try {
      return body(typedArrayOf(lent, dtype));
    } finally {
      bridge.takeBack(lent);
    }
  }

  /** The elements' own bytes in row-major order, whatever the dtype. */
  toBytes(): Uint8Array {
    return new Uint8Array(bridge.toBytes(this.handle));
  }

  /** The elements as nested numbers of the tensor's shape: convenient, not fast. */
  toList(): NestedNumbers {
    const flat = Array.from(this.toArray(), Number);
    const build = (dimension: number, start: number, step: number): NestedNumbers => {
      const size = this.shape[dimension];
      if (size === undefined) return flat[start]!;
      const inner = size === 0 ? 0 : step / size;
      return Array.from({ length: size }, (_, index) => build(dimension + 1, start + index * inner, inner));
    };
    return build(0, 0, flat.length);
  }

  /** The same values with another dtype, device or memory format; this very tensor's memory if nothing changes. */
  to({ dtype, device, memoryFormat }: { dtype?: DType; device?: string; memoryFormat?: MemoryFormat }): Tensor {
    const options = [this, dtype, undefined, device, undefined, false, false, memoryFormat];
    return callOperator("aten::to", "dtype_layout", options) as Tensor;
  }

  /** Takes the tensor out of all scopes: it lives until `dispose`. */
  keep(): this {
    releaseFromScopes(this);
    return this;
  }

  /** Frees the memory now (unless autograd or a view still needs it). Twice is harmless. */
  dispose(): void {
    if (this.#handle === undefined) return;
    bridge.dispose(this.#handle);
    this.#handle = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    return this.isDisposed ? "Tensor(disposed)" : `Tensor[${this.shape.join(", ")}] ${this.dtype}`;
  }
}

export type NestedNumbers = number | NestedNumbers[];

export interface TensorOptions {
  /** Default: one dimension, or none for a number. */
  shape?: readonly number[];
  /** Default: that of the typed array; float32 for numbers. */
  dtype?: DType;
  device?: string;
  requiresGrad?: boolean;
}

/**
 * Makes a tensor that holds a copy of the data.
 * @throws Error if the shape does not take as many elements as there are
 */
export function tensor(data: number | readonly number[] | TypedArray, options: TensorOptions = {}): Tensor {
  const array =
    typeof data === "number"
      ? Float64Array.of(data)
      : Array.isArray(data)
        ? Float64Array.from(data)
        : (data as TypedArray);
  const given = ArrayBuffer.isView(data) ? dtypeOf(array) : "float32";
  const wanted = options.dtype ?? given;
  const shape = options.shape ?? (typeof data === "number" ? [] : [array.length]);
  const source = dtypeOf(array);
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.length * bytesPerElement[source]);
  const copy = new Tensor(bridge.fromBytes(bytes, source, shape));
  const device = options.device ?? "cpu";
  const result = placedOn(device, convertedTo(wanted, copy));
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result;
}

/** Takes the tensor over. */
function convertedTo(dtype: DType, from: Tensor): Tensor {
  if (from.dtype === dtype) return from;
  using source = from;
  return source.to({ dtype });
}

/**
 * Takes the tensor over. A GPU gets it by way of page-locked memory, from which it fetches it in the order of its other work
 * while the program goes on; a copy from ordinary memory would wait for everything that the GPU still has to do.
 */
function placedOn(device: string, from: Tensor): Tensor {
  if (device === "cpu") return from;
  using source = from;
  if (!device.startsWith("cuda")) return source.to({ device });
  using locked = callOperator("aten::pin_memory", "", [source]) as Tensor;
  const nonBlocking = true;
  return callOperator("aten::to", "dtype_layout", [
    locked,
    undefined,
    undefined,
    device,
    undefined,
    nonBlocking,
  ]) as Tensor;
}

/** A tensor of any dtype from its elements' bytes in row-major order, copied. */
export function tensorFromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  return new Tensor(bridge.fromBytes(bytes, dtype, shape));
}
