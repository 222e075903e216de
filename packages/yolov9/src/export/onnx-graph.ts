/**
 * A builder for one ONNX graph: values are names, `node` appends an operator and returns the names of its outputs, `weights` and
 * `constant` add initializers. It knows the file format but no layer of a network; those are in `layers.ts` and `blocks.ts`.
 */
import { fitsFloat16, float16Bits } from "./float16.js";
import {
  AttributeType,
  DataType,
  encodeModel,
  type AttributeProto,
  type DataTypeCode,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./onnx-schema.js";

/** The name of a tensor inside the graph. */
export type Value = string;

/** Whole numbers are written as INT, lists of them as INTS; a float must say so. */
export type Attribute = number | readonly number[] | string | { float: number };

/** Precision of what `weights` adds. */
export type WeightPrecision = "float32" | "float16";

/** The IR version that came with each operator set (ONNX's versioning table). */
const IR_VERSIONS: ReadonlyMap<number, number> = new Map([
  [17, 8],
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
  [22, 10],
]);

/** Operator sets that can be written, ascending. */
export const OPSETS: readonly number[] = [...IR_VERSIONS.keys()];

export class OnnxGraph {
  readonly #name: string;
  readonly #weightPrecision: WeightPrecision;
  readonly #nodes: NodeProto[] = [];
  readonly #initializers = new Map<string, TensorProto>();
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #taken = new Set<string>();
  readonly #path: string[] = [];

  constructor(name: string, weightPrecision: WeightPrecision = "float32") {
    this.#name = name;
    this.#weightPrecision = weightPrecision;
  }

  /** Names made inside `build` start with `scope/`, so that a viewer shows which layer a node came from. */
  within<T>(scope: string, build: () => T): T {
    this.#path.push(scope);
    try {
      return build();
    } finally {
      this.#path.pop();
    }
  }

  /** Declares a float32 graph input; a dimension given as text is free and carries that name. */
  input(name: string, dims: readonly (number | string)[]): Value {
    this.#taken.add(name);
    this.#inputs.push(valueInfo(name, dims));
    return name;
  }

  /** Declares `value` as a float32 graph output called `name`. */
  output(name: string, value: Value, dims: readonly (number | string)[]): void {
    this.#taken.add(name);
    this.#nodes.push({ input: [value], output: [name], name, op_type: "Identity", attribute: [] });
    this.#outputs.push(valueInfo(name, dims));
  }

  /** Appends an operator with one output. */
  node(operator: string, inputs: readonly Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.nodes(operator, inputs, 1, attributes)[0];
  }

  /** Appends an operator with `count` outputs. */
  nodes(
    operator: string,
    inputs: readonly Value[],
    count: number,
    attributes: Record<string, Attribute> = {},
  ): [Value, ...Value[]] {
    const name = this.#unique(operator);
    const rest = Array.from({ length: count - 1 }, (_, i) => this.#unique(`${operator}_output_${i + 1}`));
    this.#nodes.push({
      input: [...inputs],
      output: [name, ...rest],
      name,
      op_type: operator,
      attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
    });
    return [name, ...rest];
  }

  /**
   * Adds weights, in the graph's precision, under a name that tells where they belong.
   * @throws RangeError for weights beyond half precision in a graph of half precision
   */
  weights(name: string, data: Float32Array, dims: readonly number[]): Value {
    const unique = this.#unique(name);
    if (this.#weightPrecision === "float32") {
      return this.#initializer(unique, DataType.float, littleEndianBytes(data), data.length, dims);
    }
    if (!fitsFloat16(data)) throw new RangeError(`${unique}: weights beyond ±65504 have no half precision`);
    return this.#initializer(unique, DataType.float16, littleEndianBytes(float16Bits(data)), data.length, dims);
  }

  /** A float32 constant; equal constants share one initializer. */
  constant(values: readonly number[] | Float32Array, dims: readonly number[]): Value {
    return this.#constant("float", dims, Float32Array.from(values), DataType.float);
  }

  /** A number in the graph's precision; equal ones share one initializer. */
  scalar(value: number): Value {
    const key = `scalar:${value}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.weights("scalar", Float32Array.of(value), []);
    this.#constants.set(key, name);
    return name;
  }

  /** Whole numbers converted to the graph's precision. */
  asFeatures(value: Value): Value {
    return this.node("Cast", [value], { to: this.#weightPrecision === "float32" ? DataType.float : DataType.float16 });
  }

  /** An int64 constant, as shapes, axes and split sizes want them; equal constants share one initializer. */
  integers(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#constant("int64", dims, BigInt64Array.from(values, BigInt), DataType.int64);
  }

  /** The whole graph as an `.onnx` file. @throws RangeError as `toModel` does */
  toFile(opset: number, metadata: ReadonlyMap<string, string>, producerVersion: string): Uint8Array {
    return encodeModel(this.toModel(opset, metadata, producerVersion));
  }

  /**
   * The whole graph as a message that can be edited before it is encoded.
   * @throws RangeError for an operator set that this writer does not know
   */
  toModel(opset: number, metadata: ReadonlyMap<string, string>, producerVersion: string): ModelProto {
    const irVersion = IR_VERSIONS.get(opset);
    if (irVersion === undefined) {
      throw new RangeError(`opset ${opset} cannot be written: choose one of ${OPSETS.join(", ")}`);
    }
    return {
      ir_version: irVersion,
      producer_name: "yolov9",
      producer_version: producerVersion,
      graph: this.#graph(),
      opset_import: [{ domain: "", version: opset }],
      metadata_props: Array.from(metadata, ([key, value]) => ({ key, value })),
    };
  }

  #graph(): GraphProto {
    return {
      node: this.#nodes,
      name: this.#name,
      initializer: [...this.#initializers.values()],
      input: this.#inputs,
      output: this.#outputs,
    };
  }

  #constant(
    kind: string,
    dims: readonly number[],
    data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>,
    type: DataTypeCode,
  ): Value {
    const key = `${kind}[${dims.join()}]:${data.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.#initializer(this.#unique("constant", []), type, littleEndianBytes(data), data.length, dims);
    this.#constants.set(key, name);
    return name;
  }

  #initializer(name: string, type: DataTypeCode, bytes: Uint8Array, count: number, dims: readonly number[]): Value {
    const expected = dims.reduce((product, dim) => product * dim, 1);
    if (expected !== count) throw new RangeError(`${name}: ${count} values do not fill the shape [${dims.join(", ")}]`);
    this.#initializers.set(name, { name, dims: [...dims], data_type: type, raw_data: bytes });
    return name;
  }

  #unique(name: string, path: readonly string[] = this.#path): string {
    const wanted = [...path, name].join("/");
    let candidate = wanted;
    for (let i = 1; this.#taken.has(candidate); i++) candidate = `${wanted}_${i}`;
    this.#taken.add(candidate);
    return candidate;
  }
}

function valueInfo(name: string, dims: readonly (number | string)[]): ValueInfoProto {
  const dim = dims.map((d) => (typeof d === "number" ? { dim_value: d } : { dim_param: d }));
  return { name, type: { tensor_type: { elem_type: DataType.float, shape: { dim } } } };
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  if (typeof value === "number") return { name, type: AttributeType.int, i: value };
  if (typeof value === "string") return { name, type: AttributeType.string, s: new TextEncoder().encode(value) };
  if ("float" in value) return { name, type: AttributeType.float, f: value.float };
  return { name, type: AttributeType.ints, ints: [...value] };
}

/** The file format is little-endian, and so is every machine that libtorch and ONNX Runtime support: no bytes are swapped. */
function littleEndianBytes(data: Float32Array | Uint16Array | BigInt64Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
