/**
 * A recorded operator as its ONNX translation sees it: its tensors as values of the graph, its numbers checked. Tensors that no recorded
 * operator made are the network's own and become weights.
 */
import type { Tensor } from "@yolov9/torch";
import { ExportError } from "../export-error.js";
import { floats } from "../floats.js";
import type { OnnxGraph, Value } from "../onnx-graph.js";
import { TwinTensor, type Argument, type RecordedOperator } from "../record-forward.js";
import type { Size, SizeSource } from "../sizes.js";

/** What is known while a network is written: which value a tensor is, what the network calls its weights, and how sizes are computed. */
export interface Writing {
  readonly graph: OnnxGraph;
  readonly opset: number;
  readonly sizes: SizeSource;
  /** Of tensors that depend on the input. */
  readonly values: ReadonlyMap<Tensor, Value>;
  /** Of all others, as they are needed. */
  readonly constants: Map<Tensor, Value>;
  readonly names: ReadonlyMap<Tensor, string>;
}

export class OperatorCall {
  readonly graph: OnnxGraph;
  readonly opset: number;
  readonly #writing: Writing;
  readonly #operator: RecordedOperator;

  constructor(operator: RecordedOperator, writing: Writing) {
    this.graph = writing.graph;
    this.opset = writing.opset;
    this.#writing = writing;
    this.#operator = operator;
  }

  get resultCount(): number {
    return this.#operator.results.length;
  }

  /** Whether anything that the operator takes depends on the input; if not, its results are constants. */
  get dependsOnInput(): boolean {
    const tensors = this.#operator.args.flat(2).filter((arg) => arg instanceof TwinTensor);
    return tensors.some(({ key }) => this.#writing.values.has(key));
  }

  /** Whether the first result has the number format of the first argument. */
  get keepsDtype(): boolean {
    const [result] = this.#operator.results;
    return this.#tensor(this.#operator.args[0]).key.dtype === result?.key.dtype;
  }

  resultShape(index = 0): readonly Size[] {
    return this.#operator.results[index]!.shape;
  }

  has(index: number): boolean {
    const arg = this.#operator.args[index];
    return arg !== undefined && arg !== null;
  }

  isTensor(index: number): boolean {
    return this.#operator.args[index] instanceof TwinTensor;
  }

  /** A tensor as a value. */
  value(index: number): Value {
    return this.#valueOf(this.#tensor(this.#operator.args[index]));
  }

  /** A list of tensors as values. */
  values(index: number): Value[] {
    return this.#list(index).map((item) => this.#valueOf(this.#tensor(item)));
  }

  /** A tensor, or a number as a constant of the features' precision. */
  operand(index: number): Value {
    if (this.isTensor(index)) return this.value(index);
    return this.graph.scalar(this.number(index));
  }

  shape(index: number): readonly Size[] {
    return this.#tensor(this.#operator.args[index]).shape;
  }

  rank(index: number): number {
    return this.shape(index).length;
  }

  /** The path of the layer whose weight the operator takes; undefined where there is none. */
  get layer(): string | undefined {
    const { names } = this.#writing;
    const tensors = this.#operator.args.filter((arg) => arg instanceof TwinTensor);
    const path = tensors.map(({ key }) => names.get(key)).find((name) => name !== undefined);
    return path?.includes(".") === true ? path.slice(0, path.lastIndexOf(".")) : undefined;
  }

  /** @throws ExportError for a number that depends on the size of the input */
  number(index: number, byDefault?: number): number {
    return this.#number(this.#operator.args[index] ?? byDefault);
  }

  /** A flag, false where it is left out. */
  flag(index: number): boolean {
    return this.#operator.args[index] === true;
  }

  /** One number for each of `count` axes, from one for all or a list. */
  numbers(index: number, count: number, byDefault?: number): number[] {
    const arg = this.#operator.args[index] ?? byDefault;
    if (!Array.isArray(arg)) return Array<number>(count).fill(this.#number(arg));
    const list = arg.length === 0 && byDefault !== undefined ? [byDefault] : (arg as readonly Argument[]);
    return Array.from({ length: count }, (_, i) => this.#number(list[list.length === 1 ? 0 : i]));
  }

  /** Axes counted from the front; all of them where none is given. */
  axes(index: number): number[] {
    const rank = this.rank(0);
    const arg = this.#operator.args[index];
    const given = Array.isArray(arg)
      ? arg.map((item: Argument) => this.#number(item))
      : typeof arg === "number"
        ? [arg]
        : [];
    return given.length === 0 ? Array.from({ length: rank }, (_, i) => i) : given.map((axis) => (axis + rank) % rank);
  }

  axis(index: number, byDefault = 0): number {
    const rank = this.rank(0);
    return (this.number(index, byDefault) + rank) % rank;
  }

  /** Numbers in a list; 0 where it is left out. */
  length(index: number): number {
    const arg = this.#operator.args[index];
    return Array.isArray(arg) ? arg.length : 0;
  }

  /** A shape as an int64 value, with as much of it constant as can be. @param of the shape of the tensor that is reshaped to it */
  reshapeTarget(shape: readonly Size[], of: readonly Size[]): Value {
    const { sizes } = this.#writing;
    const known = shape.map((size, i) => sizes.fixed(size) ?? (sameSize(size, of[i]) ? 0 : undefined));
    const open = known.filter((size) => size === undefined).length;
    if (open <= 1) return this.graph.integers(known.map((size) => size ?? -1));
    return this.dimensions(shape);
  }

  /** A shape as an int64 value. */
  dimensions(shape: readonly Size[]): Value {
    const { sizes } = this.#writing;
    const fixed = shape.map((size) => sizes.fixed(size));
    if (fixed.every((size) => size !== undefined)) return this.graph.integers(fixed);
    return this.graph.node(
      "Concat",
      shape.map((size) => sizes.value(size)),
      { axis: 0 },
    );
  }

  /** The product of sizes as a value in the features' precision that other values are divided by. */
  count(shape: readonly Size[]): Value {
    const { sizes } = this.#writing;
    const fixed = shape.map((size) => sizes.fixed(size));
    if (fixed.every((size) => size !== undefined))
      return this.graph.scalar(fixed.reduce((product, n) => product * n, 1));
    const total = shape.map((size) => sizes.value(size)).reduce((a, b) => this.graph.node("Mul", [a, b]));
    return this.graph.asFeatures(total);
  }

  #valueOf(tensor: TwinTensor): Value {
    const { values, constants, graph } = this.#writing;
    const known = values.get(tensor.key) ?? constants.get(tensor.key);
    if (known !== undefined) return known;
    const name = this.#writing.names.get(tensor.key)?.split(".").at(-1) ?? "constant";
    const value = graph.weights(name, constantValues(tensor), tensor.tensors[0].shape);
    constants.set(tensor.key, value);
    return value;
  }

  #tensor(arg: Argument): TwinTensor {
    if (arg instanceof TwinTensor) return arg;
    throw new ExportError(`${this.#operator.name} without a tensor where one is expected`);
  }

  #list(index: number): readonly Argument[] {
    const arg = this.#operator.args[index];
    if (Array.isArray(arg)) return arg as readonly Argument[];
    throw new ExportError(`${this.#operator.name} without a list of tensors`);
  }

  #number(arg: Argument): number {
    if (typeof arg === "number") return arg;
    if (typeof arg === "boolean") return Number(arg);
    throw new ExportError(`an argument of ${this.#operator.name} depends on the size of the input or is missing`);
  }
}

function sameSize(a: Size, b: Size | undefined): boolean {
  if (typeof a === "number" || typeof b === "number" || b === undefined) return a === b;
  return a.at[0] === b.at[0] && a.at[1] === b.at[1];
}

/** @throws ExportError when the two recordings have other values */
function constantValues({ tensors: [first, second], shape }: TwinTensor): Float32Array {
  const values = floats(first);
  const isSame =
    first === second ||
    (shape.every((size) => typeof size === "number") && floats(second).every((x, i) => Object.is(x, values[i])));
  if (!isSame) throw new ExportError("a constant has other values for another size of the input");
  return values;
}
