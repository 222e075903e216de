/**
 * Static quantisation of an exported graph to 8 bits: a pair of QuantizeLinear and DequantizeLinear on every tensor of the plan and int8
 * weights behind DequantizeLinear ("QDQ"), from which ONNX Runtime makes integer operators when it loads the file.
 */
import {
  featureScale,
  INT8_LARGEST,
  quantiseBias,
  quantiseWeights,
  type FeatureScale,
  type Range,
} from "./integer-scales.js";
import { AttributeType, DataType, type ModelProto, type NodeProto, type TensorProto } from "./onnx-schema.js";
import type { QuantisationPlan } from "./quantisation-plan.js";

export interface QuantisationOptions {
  /** Weights are −63 … 63 instead of −127 … 127, so that sums of two products fit 16 bits: for CPUs without VNNI. Default false. */
  readonly reduceRange?: boolean;
}

const REDUCED_LARGEST = 63;

/**
 * @param model in float32
 * @param ranges of the plan's measured tensors
 * @throws Error when a range is missing
 */
export function quantiseModel(
  model: ModelProto,
  plan: QuantisationPlan,
  ranges: ReadonlyMap<string, Range>,
  { reduceRange = false }: QuantisationOptions = {},
): ModelProto {
  const rewriter = new Rewriter(model.graph.initializer, featureScales(plan, ranges));
  const largest = reduceRange ? REDUCED_LARGEST : INT8_LARGEST;
  for (const { name } of model.graph.input) rewriter.quantise(name);
  for (const node of model.graph.node) {
    rewriter.append(plan.convolutions.has(node) ? rewriter.withIntegerWeights(node, largest) : node);
  }
  return { ...model, graph: { ...model.graph, node: rewriter.nodes, initializer: rewriter.initializers } };
}

function featureScales(plan: QuantisationPlan, ranges: ReadonlyMap<string, Range>): Map<string, FeatureScale> {
  const scales = new Map<string, FeatureScale>();
  for (const [tensor, origin] of plan.rangeOf) {
    const range = plan.known.get(origin) ?? ranges.get(origin);
    if (range === undefined) throw new Error(`no range of ${origin} was measured`);
    const min = Math.max(range.min, plan.floors.get(origin) ?? -Infinity);
    scales.set(tensor, featureScale({ min, max: range.max }));
  }
  return scales;
}

/** The new nodes and initializers of a graph while it is gone through from the input to the outputs. */
class Rewriter {
  readonly nodes: NodeProto[] = [];
  readonly #tensors: Map<string, TensorProto>;
  readonly #scales: ReadonlyMap<string, FeatureScale>;

  constructor(initializers: readonly TensorProto[], scales: ReadonlyMap<string, FeatureScale>) {
    this.#tensors = new Map(initializers.map((tensor) => [tensor.name, tensor]));
    this.#scales = scales;
  }

  get initializers(): TensorProto[] {
    return [...this.#tensors.values()];
  }

  /** Appends a node that reads what came through integers where its inputs do, and quantises its outputs where they shall be. */
  append(node: NodeProto): void {
    this.nodes.push({ ...node, input: node.input.map((name) => (this.#scales.has(name) ? dequantised(name) : name)) });
    for (const name of node.output) this.quantise(name);
  }

  /** Sends a tensor through uint8, if it has a scale. */
  quantise(tensor: string): void {
    const feature = this.#scales.get(tensor);
    if (feature === undefined) return;
    const scale = this.#add(`${tensor}/scale`, DataType.float, [], Float32Array.of(feature.scale));
    const zeroPoint = this.#add(`${tensor}/zero_point`, DataType.uint8, [], Uint8Array.of(feature.zeroPoint));
    const integers = `${tensor}/quantised`;
    this.nodes.push({
      op_type: "QuantizeLinear",
      name: integers,
      input: [tensor, scale, zeroPoint],
      output: [integers],
      attribute: [],
    });
    this.#dequantise(tensor, integers, scale, zeroPoint);
  }

  /** The convolution on int8 weights and int32 biases, which are added. */
  withIntegerWeights(node: NodeProto, largest: number): NodeProto {
    const [x, weight, bias] = node.input as [string, string, string | undefined];
    const { dims } = this.#tensors.get(weight)!;
    const { values, scales } = quantiseWeights(this.#take(weight), dims[0]!, largest);
    const channels = [scales.length];
    this.#addChannelwise(weight, DataType.int8, dims, values, scales);
    const input = [x, dequantised(weight)];
    if (bias !== undefined) {
      const products = scales.map((scale) => scale * this.#scales.get(x)!.scale);
      this.#addChannelwise(bias, DataType.int32, channels, quantiseBias(this.#take(bias), products), products);
      input.push(dequantised(bias));
    }
    return { ...node, input };
  }

  /** The float32 numbers of an initializer, which goes. */
  #take(name: string): Float32Array {
    const { raw_data } = this.#tensors.get(name)!;
    this.#tensors.delete(name);
    return new Float32Array(raw_data.slice().buffer);
  }

  /** An integer initializer with a scale for each index of its first axis, dequantised. */
  #addChannelwise(
    name: string,
    type: typeof DataType.int8 | typeof DataType.int32,
    dims: readonly number[],
    values: Int8Array | Int32Array,
    scales: Float32Array,
  ): void {
    const count = scales.length;
    const zeros = type === DataType.int8 ? new Int8Array(count) : new Int32Array(count);
    const integers = this.#add(`${name}/quantised`, type, dims, values);
    const scale = this.#add(`${name}/scale`, DataType.float, [count], scales);
    const zeroPoint = this.#add(`${name}/zero_point`, type, [count], zeros);
    this.#dequantise(name, integers, scale, zeroPoint, 0);
  }

  #dequantise(name: string, integers: string, scale: string, zeroPoint: string, axis?: number): void {
    const output = dequantised(name);
    const attribute = axis === undefined ? [] : [{ name: "axis", type: AttributeType.int, i: axis }];
    const input = [integers, scale, zeroPoint];
    this.nodes.push({ op_type: "DequantizeLinear", name: output, input, output: [output], attribute });
  }

  #add(name: string, type: TensorProto["data_type"], dims: readonly number[], data: ArrayBufferView): string {
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#tensors.set(name, { name, dims: [...dims], data_type: type, raw_data });
    return name;
  }
}

function dequantised(name: string): string {
  return `${name}/dequantised`;
}
