/**
 * The layers that blocks are made of, as ONNX operators: one function appends one layer to a graph and returns its output value.
 * Numbers only: what a block looks like is in `blocks.ts`.
 */
import type { OnnxGraph, Value } from "./onnx-graph.js";

export interface ConvolutionWeights {
  /** [out, in / groups, k, k], row-major. */
  weight: Float32Array;
  shape: readonly [number, number, number, number];
  /** [out] */
  bias?: Float32Array | undefined;
  stride: number;
  padding: number;
  groups: number;
  dilation: number;
}

/** Two-dimensional convolution with equal strides, paddings and dilations on both axes. */
export function convolution(graph: OnnxGraph, x: Value, layer: ConvolutionWeights): Value {
  const { shape, stride, padding, groups, dilation } = layer;
  const inputs = [x, graph.weights("weight", layer.weight, shape)];
  if (layer.bias !== undefined) inputs.push(graph.weights("bias", layer.bias, [shape[0]]));
  return graph.node("Conv", inputs, {
    kernel_shape: [shape[2], shape[3]],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    dilations: [dilation, dilation],
    group: groups,
  });
}

/** x · sigmoid(x). */
export function silu(graph: OnnxGraph, x: Value): Value {
  return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
}

export function relu(graph: OnnxGraph, x: Value): Value {
  return graph.node("Relu", [x]);
}

export function maxPool(graph: OnnxGraph, x: Value, kernel: number, stride: number, padding: number): Value {
  return graph.node("MaxPool", [x], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  });
}

/**
 * Mean of each 2 × 2 window at stride 1, without padding: the smoothing in front of AConv and ADown. As a convolution, because ONNX
 * Runtime's integer AveragePool takes longer than its integer convolution; in float32 they take the same time.
 */
export function averagePool2x2(graph: OnnxGraph, x: Value, channels: number): Value {
  const weight = new Float32Array(4 * channels).fill(1 / 4);
  return convolution(graph, x, {
    weight,
    shape: [channels, 1, 2, 2],
    stride: 1,
    padding: 0,
    groups: channels,
    dilation: 1,
  });
}

/** Cuts the channels into pieces of the given sizes. */
export function splitChannels(graph: OnnxGraph, x: Value, sizes: readonly number[]): [Value, ...Value[]] {
  return graph.nodes("Split", [x, graph.integers(sizes)], sizes.length, { axis: 1 });
}

export function concatChannels(graph: OnnxGraph, values: readonly Value[]): Value {
  return graph.node("Concat", values, { axis: 1 });
}

export function add(graph: OnnxGraph, a: Value, b: Value): Value {
  return graph.node("Add", [a, b]);
}

/** PyTorch's rule: output pixel i copies input pixel floor(i / factor). */
const NEAREST = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };

/** Nearest-neighbour enlargement by a whole factor. */
export function upsampleNearest(graph: OnnxGraph, x: Value, factor: number): Value {
  const scales = graph.constant([1, 1, factor, factor], [4]);
  return graph.node("Resize", [x, "", scales], NEAREST);
}

/** Nearest-neighbour enlargement to the height and width of another value; whole factors only. */
export function resizeNearestTo(graph: OnnxGraph, x: Value, target: Value): Value {
  const [batchAndChannels] = graph.nodes("Split", [graph.node("Shape", [x]), graph.integers([2, 2])], 2, { axis: 0 });
  const size = graph.nodes("Split", [graph.node("Shape", [target]), graph.integers([2, 2])], 2, { axis: 0 })[1]!;
  const sizes = graph.node("Concat", [batchAndChannels, size], { axis: 0 });
  return graph.node("Resize", [x, "", "", sizes], NEAREST);
}

/** Channels `start` up to `start + length`. */
export function sliceChannels(graph: OnnxGraph, x: Value, start: number, length: number): Value {
  return graph.node("Slice", [x, graph.integers([start]), graph.integers([start + length]), graph.integers([1])]);
}
