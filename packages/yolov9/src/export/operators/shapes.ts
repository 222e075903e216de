/** Operators that move numbers about without changing them. */
import { ExportError } from "../export-error.js";
import type { Value } from "../onnx-graph.js";
import { concatChannels } from "./layers.js";
import type { OperatorCall } from "./operator-call.js";
import type { OnnxTranslation } from "./translations.js";

/** The largest int64 that ONNX takes for "to the end". */
const END = Number.MAX_SAFE_INTEGER;

/** Any operator whose result has the numbers of its input in the same order. */
const reshape: OnnxTranslation = (call) =>
  call.graph.node("Reshape", [call.value(0), call.reshapeTarget(call.resultShape(), call.shape(0))]);

/** @param axisArgument place of the axis among the arguments */
const split =
  (axisArgument: number): OnnxTranslation =>
  (call) => {
    const axis = call.axis(axisArgument);
    const sizes = Array.from({ length: call.resultCount }, (_, i) => call.resultShape(i)[axis]!);
    return call.graph.nodes("Split", [call.value(0), call.dimensions(sizes)], sizes.length, { axis });
  };

function slice(call: OperatorCall, axis: number, start: number, end: number, step = 1): Value {
  const { graph } = call;
  const range = [start, end, axis, step].map((number) => graph.integers([number]));
  return graph.node("Slice", [call.value(0), ...range]);
}

const transpose = (call: OperatorCall, perm: readonly number[]): Value =>
  call.graph.node("Transpose", [call.value(0)], { perm });

export const shapes: Readonly<Record<string, OnnxTranslation>> = {
  "aten::flatten": reshape,
  "aten::reshape": reshape,
  "aten::squeeze": reshape,
  "aten::unflatten": reshape,
  "aten::unsqueeze": reshape,
  "aten::view": reshape,
  "aten::chunk": split(2),
  "aten::split": split(2),
  "aten::split_with_sizes": split(2),
  "aten::cat": (call) => {
    const axis = call.number(1, 0);
    if (axis === 1) return concatChannels(call.graph, call.values(0));
    return call.graph.node("Concat", call.values(0), { axis });
  },
  "aten::narrow": (call) => {
    const start = call.number(2);
    return slice(call, call.axis(1), start, start + call.number(3));
  },
  "aten::slice": (call) => slice(call, call.axis(1), call.number(2, 0), call.number(3, END), call.number(4, 1)),
  "aten::select": (call) => {
    const [axis, index] = [call.axis(1), call.number(2)];
    return call.graph.node("Gather", [call.value(0), call.graph.integers([index], [])], { axis });
  },
  "aten::permute": (call) => transpose(call, call.axes(1)),
  "aten::transpose": (call) => {
    const [a, b] = [call.axis(1), call.axis(2)];
    const swapped = new Map([
      [a, b],
      [b, a],
    ]);
    return transpose(
      call,
      Array.from({ length: call.rank(0) }, (_, i) => swapped.get(i) ?? i),
    );
  },
  "aten::expand": (call) => call.graph.node("Expand", [call.value(0), call.dimensions(call.resultShape())]),
  "aten::broadcast_to": (call) => call.graph.node("Expand", [call.value(0), call.dimensions(call.resultShape())]),
  "aten::pixel_shuffle": (call) =>
    call.graph.node("DepthToSpace", [call.value(0)], { blocksize: call.number(1), mode: "CRD" }),
  "aten::constant_pad_nd": (call) => {
    const rank = call.rank(0);
    const count = call.length(1);
    const given = call.numbers(1, count);
    // libtorch counts axes from the last, with both ends side by side; ONNX from the first, all beginnings before all ends.
    const ends = (side: number): number[] =>
      Array.from({ length: rank }, (_, axis) => given[2 * (rank - 1 - axis) + side] ?? 0);
    const value = call.graph.scalar(call.number(2, 0));
    if (given.some((pad) => pad < 0)) throw new ExportError("aten::constant_pad_nd that cuts has no ONNX translation");
    return call.graph.node("Pad", [call.value(0), call.graph.integers([...ends(0), ...ends(1)]), value]);
  },
};
