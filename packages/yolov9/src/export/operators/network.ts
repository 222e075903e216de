/** Convolutions, pooling, enlarging, reductions and products of matrices. */
import { ExportError } from "../export-error.js";
import type { Value } from "../onnx-graph.js";
import { Varying, type Size } from "../sizes.js";
import { averagePool2x2, enlargeBilinear, enlargeNearest, maxPool } from "./layers.js";
import type { OperatorCall } from "./operator-call.js";
import type { OnnxTranslation } from "./translations.js";

/** Features are [B, C, H, W]. */
const IMAGE_AXES = [2, 3];

const convolution: OnnxTranslation = (call) => {
  const [, , height, width] = call.shape(1) as readonly number[];
  const inputs = [call.value(0), ...(call.has(2) ? [1, 2] : [1]).map((index) => call.value(index))];
  const padding = call.numbers(4, 2, 0);
  return call.graph.node("Conv", inputs, {
    kernel_shape: [height!, width!],
    strides: call.numbers(3, 2, 1),
    pads: [...padding, ...padding],
    dilations: call.numbers(5, 2, 1),
    group: call.number(6, 1),
  });
};

/** Max-pools and mean-pools: x, kernel, stride (the kernel's where it is left out), padding. */
function window(call: OperatorCall): { kernel: number[]; stride: number[]; padding: number[] } {
  const kernel = call.numbers(1, 2);
  return { kernel, stride: call.length(2) === 0 ? kernel : call.numbers(2, 2), padding: call.numbers(3, 2, 0) };
}

const maxPooling: OnnxTranslation = (call) => {
  if (call.flag(5)) throw new ExportError("aten::max_pool2d that rounds up has no ONNX translation");
  return maxPool(call.graph, call.value(0), { ...window(call), dilation: call.numbers(4, 2, 1) });
};

const meanPooling: OnnxTranslation = (call) => {
  const { kernel, stride, padding } = window(call);
  if (call.flag(4) || call.has(6)) throw new ExportError("this aten::avg_pool2d has no ONNX translation");
  const isSmoothing = kernel.every((side) => side === 2) && stride.every((step) => step === 1);
  const channels = call.shape(0)[1];
  if (isSmoothing && padding.every((pad) => pad === 0) && typeof channels === "number") {
    return averagePool2x2(call.graph, call.value(0), channels);
  }
  return call.graph.node("AveragePool", [call.value(0)], {
    ...{ kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] },
    count_include_pad: Number(!call.has(5) || call.flag(5)),
  });
};

/** Whole factors between the sizes of an image before and after. */
function enlargement(call: OperatorCall): [height: number, width: number] {
  const factors = IMAGE_AXES.map((axis) => ratio(call.resultShape()[axis]!, call.shape(0)[axis]!));
  if (factors.every(Number.isInteger)) return factors as [number, number];
  throw new ExportError("enlarging by anything but a whole factor has no ONNX translation");
}

/** NaN where it depends on the size of the input. */
function ratio(a: Size, b: Size): number {
  const [first, second] = [a, b].map((size) => (size instanceof Varying ? size.at : [size, size])) as [
    number[],
    number[],
  ];
  const [x, y] = first.map((value, i) => value / second[i]!);
  return x === y ? x! : NaN;
}

/** The mean over some axes: where these are the image's, ONNX has an operator for it. */
const mean: OnnxTranslation = (call) => {
  const { graph } = call;
  const axes = call.axes(1);
  if (call.rank(0) === 4 && axes.join() === IMAGE_AXES.join()) {
    const pooled = graph.node("GlobalAveragePool", [call.value(0)]);
    return call.flag(2) ? pooled : graph.node("Squeeze", [pooled, graph.integers(IMAGE_AXES)]);
  }
  return graph.node("Div", [sumOver(call, axes), call.count(axes.map((axis) => call.shape(0)[axis]!))]);
};

function sumOver(call: OperatorCall, axes: readonly number[]): Value {
  const keepdims = Number(call.flag(2));
  return call.graph.node("ReduceSum", [call.value(0), call.graph.integers(axes)], { keepdims });
}

/** From this operator set on, axes are an input. */
const AXES_AS_INPUT_OPSET = 18;

const extreme =
  (operator: string): OnnxTranslation =>
  (call) => {
    const { graph, opset } = call;
    const [axes, keepdims] = [call.axes(1), Number(call.flag(2))];
    if (opset < AXES_AS_INPUT_OPSET) return graph.node(operator, [call.value(0)], { axes, keepdims });
    return graph.node(operator, [call.value(0), graph.integers(axes)], { keepdims });
  };

const product: OnnxTranslation = (call) => call.graph.node("MatMul", [call.value(0), call.value(1)]);

export const network: Readonly<Record<string, OnnxTranslation>> = {
  "aten::conv2d": convolution,
  "aten::max_pool2d": maxPooling,
  "aten::avg_pool2d": meanPooling,
  "aten::adaptive_avg_pool2d": (call) => {
    if (call.numbers(1, 2).some((side) => side !== 1)) {
      throw new ExportError("aten::adaptive_avg_pool2d to more than one pixel has no ONNX translation");
    }
    return call.graph.node("GlobalAveragePool", [call.value(0)]);
  },
  "aten::upsample_nearest2d": (call) => enlargeNearest(call.graph, call.value(0), enlargement(call)),
  "aten::upsample_bilinear2d": (call) =>
    enlargeBilinear(call.graph, call.value(0), enlargement(call), { alignCorners: call.flag(2) }),
  "aten::batch_norm": (call) => {
    const inputs = [0, 1, 2, 3, 4].map((index) => call.value(index));
    if (call.flag(5)) throw new ExportError("a batch norm in training mode has no ONNX translation");
    return call.graph.node("BatchNormalization", inputs, { epsilon: { float: call.number(7) } });
  },
  "aten::mean": mean,
  "aten::sum": (call) => sumOver(call, call.axes(1)),
  "aten::amax": extreme("ReduceMax"),
  "aten::amin": extreme("ReduceMin"),
  "aten::softmax": (call) => call.graph.node("Softmax", [call.value(0)], { axis: call.axis(1) }),
  "aten::log_softmax": (call) => call.graph.node("LogSoftmax", [call.value(0)], { axis: call.axis(1) }),
  "aten::matmul": product,
  "aten::bmm": product,
  "aten::mm": product,
  "aten::linear": (call) => {
    const { graph } = call;
    const transposed = graph.node("Transpose", [call.value(1)], { perm: [1, 0] });
    const y = graph.node("MatMul", [call.value(0), transposed]);
    return call.has(2) ? graph.node("Add", [y, call.value(2)]) : y;
  },
};
