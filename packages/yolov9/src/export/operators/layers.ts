/** Layers that take more than one ONNX operator, or attributes that several translations share. */
import type { OnnxGraph, Value } from "../onnx-graph.js";

/** x · sigmoid(x). */
export function silu(graph: OnnxGraph, x: Value): Value {
  return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
}

export interface PoolWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation?: readonly number[];
}

export function maxPool(graph: OnnxGraph, x: Value, { kernel, stride, padding, dilation }: PoolWindow): Value {
  const dilates = dilation?.some((step) => step !== 1) === true;
  return graph.node("MaxPool", [x], {
    ...{ kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] },
    ...(dilates && { dilations: dilation }),
  });
}

/**
 * Mean of each 2 × 2 window at stride 1, without padding: what AConv and ADown begin with. It is written as a convolution, because ONNX
 * Runtime's integer AveragePool takes longer than its integer convolution; in float32 they take the same time.
 */
export function averagePool2x2(graph: OnnxGraph, x: Value, channels: number): Value {
  const weight = graph.weights("weight", new Float32Array(4 * channels).fill(1 / 4), [channels, 1, 2, 2]);
  return graph.node("Conv", [x, weight], {
    ...{ kernel_shape: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] },
    group: channels,
  });
}

export function concatChannels(graph: OnnxGraph, values: readonly Value[]): Value {
  return graph.node("Concat", values, { axis: 1 });
}

/** Nearest-neighbour enlargement by whole factors: output pixel i copies input pixel floor(i / factor), as in PyTorch. */
export function enlargeNearest(graph: OnnxGraph, x: Value, factors: readonly [height: number, width: number]): Value {
  if (factors.every((factor) => factor === 1)) return x;
  const attributes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
  return graph.node("Resize", [x, "", scales(graph, factors)], attributes);
}

export function enlargeBilinear(
  graph: OnnxGraph,
  x: Value,
  factors: readonly [height: number, width: number],
  { alignCorners }: { readonly alignCorners: boolean },
): Value {
  const mode = alignCorners ? "align_corners" : "half_pixel";
  return graph.node("Resize", [x, "", scales(graph, factors)], {
    mode: "linear",
    coordinate_transformation_mode: mode,
  });
}

function scales(graph: OnnxGraph, factors: readonly [height: number, width: number]): Value {
  return graph.constant([1, 1, ...factors], [4]);
}
