/**
 * What of an exported graph is computed in 8-bit integers: everything up to the last convolutions, which stay float32 together with the
 * decoding of boxes that follows them, because there every bit of precision moves a box. Ranges and rewriting are elsewhere
 * (`calibrate.ts`, `quantise-model.ts`).
 */
import type { GraphProto, NodeProto } from "./onnx-schema.js";

/** Operators that ONNX Runtime computes in integers. */
const INTEGER_OPERATORS = new Set(["Conv", "Sigmoid", "Relu", "Mul", "Add", "Concat", "MaxPool", "Split", "Resize"]);
/** Operators that move values about: what comes out has the scale of what goes in. */
const SAME_SCALE_OPERATORS = new Set(["MaxPool", "Split", "Resize"]);

/** Below it SiLU gives nothing worth a step: silu(−8) = −0.003. */
const SILU_FLOOR = -8;

export interface QuantisationPlan {
  /** Every tensor that becomes uint8, and the one whose range it has: itself, or the one that it is a part of. */
  readonly rangeOf: ReadonlyMap<string, string>;
  /** Convolutions whose weights become int8. */
  readonly convolutions: ReadonlySet<NodeProto>;
  /** Ranges that are known without looking at images. */
  readonly known: ReadonlyMap<string, { readonly min: number; readonly max: number }>;
  /** Tensors below whose floor nothing has to be told apart. */
  readonly floors: ReadonlyMap<string, number>;
}

/** @throws Error when the graph has no convolution that could become integer */
export function quantisationPlan(graph: GraphProto): QuantisationPlan {
  const integer = graph.node.filter(aheadOfConvolution(graph));
  const image = graph.input[0]!.name;
  const rangeOf = new Map([[image, image]]);
  for (const { op_type, input, output } of integer) {
    for (const name of output) {
      rangeOf.set(name, (SAME_SCALE_OPERATORS.has(op_type) ? rangeOf.get(input[0]!) : undefined) ?? name);
    }
  }
  const ofType = (type: string): NodeProto[] => integer.filter(({ op_type }) => op_type === type);
  // ReLU is the lower end of its output's range, so ONNX Runtime makes one operator of it and the convolution in front.
  for (const { input } of ofType("Relu")) rangeOf.delete(input[0]!);
  const convolutions = new Set(ofType("Conv"));
  if (convolutions.size === 0) throw new Error("the graph has no convolution that could be quantised");
  const sigmoids = ofType("Sigmoid");
  const unit = { min: 0, max: 1 };
  return {
    rangeOf,
    convolutions,
    known: new Map([[image, unit], ...sigmoids.map(({ output }) => [output[0]!, unit] as const)]),
    floors: new Map(sigmoids.map(({ input }) => [input[0]!, SILU_FLOOR])),
  };
}

/** Tells the operators that have an integer form and a convolution somewhere behind them. */
function aheadOfConvolution(graph: GraphProto): (node: NodeProto) => boolean {
  const needed = new Set<string>();
  const ahead = new Set<NodeProto>();
  for (const node of graph.node.toReversed()) {
    const isAhead = node.output.some((name) => needed.has(name));
    if (isAhead && INTEGER_OPERATORS.has(node.op_type)) ahead.add(node);
    // What Resize has besides its features are sizes, which stay whole numbers.
    const features = node.op_type === "Resize" ? node.input.slice(0, 1) : node.input;
    if (isAhead || node.op_type === "Conv") for (const name of features) needed.add(name);
  }
  return (node) => ahead.has(node);
}

/** The tensors whose ranges have to be measured. */
export function measuredTensors({ rangeOf, known }: QuantisationPlan): string[] {
  return [...new Set(rangeOf.values())].filter((name) => !known.has(name));
}
