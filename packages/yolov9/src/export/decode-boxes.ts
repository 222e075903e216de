/**
 * The last step of a detector as ONNX operators: raw levels [B, 4·bins + classes (+ objectness), H, W] become one tensor
 * [B, 4 + classes, A] with cx cy w h in input pixels and scores. Anchors are constants when the input size is fixed and
 * are computed inside the graph when it is free. Suppression of overlapping boxes is the reader's part, or that of `suppress-boxes.ts`.
 */
import type { OnnxGraph, Value } from "./onnx-graph.js";
import { DataType } from "./onnx-schema.js";

export interface DecodeOptions {
  /** Side lengths of a level's cells in input pixels, one a level. */
  strides: readonly number[];
  /** Bins of the distance distribution of each box side. */
  bins: number;
  classCount: number;
  /** Whether the last channel is an objectness logit, by whose sigmoid the scores are multiplied. Default false. */
  objectness?: boolean;
  /** Input size in pixels, or undefined when it is free. */
  size: { height: number; width: number } | undefined;
}

interface Anchors {
  /** [1, 2, A] x and y of the cell centres, in cells. */
  centres: Value;
  /** [1, 1, A] pixels a cell. */
  strides: Value;
}

/**
 * Distances are the expectation of a softmax over `bins` whole numbers (Li et al. 2020, Generalized Focal Loss); the box is
 * spanned from the anchor centre by the distances to its left, top, right and bottom side.
 */
export function decodeBoxes(graph: OnnxGraph, levels: readonly Value[], options: DecodeOptions): Value {
  const { bins, classCount, strides, size } = options;
  const parts = [4 * bins, classCount, ...(options.objectness === true ? [1] : [])];
  const channels = parts.reduce((sum, part) => sum + part, 0);
  const flat = levels.map((level) => graph.node("Reshape", [level, graph.integers([0, channels, -1])]));
  const all = graph.node("Concat", flat, { axis: 2 });
  const [box, ...logits] = graph.nodes("Split", [all, graph.integers(parts)], parts.length, { axis: 1 });
  const anchors = size === undefined ? dynamicAnchors(graph, levels, strides) : fixedAnchors(graph, strides, size);

  const [leftTop, rightBottom] = graph.nodes("Split", [distances(graph, box, bins), graph.integers([2, 2])], 2, {
    axis: 1,
  });
  const shift = graph.node("Mul", [graph.node("Sub", [rightBottom!, leftTop]), graph.constant([0.5], [1])]);
  const centre = graph.node("Add", [anchors.centres, shift]);
  const extent = graph.node("Add", [leftTop, rightBottom!]);
  const boxesPx = graph.node("Mul", [graph.node("Concat", [centre, extent], { axis: 1 }), anchors.strides]);
  const [classes, objectness] = logits.map((logit) => graph.node("Sigmoid", [logit]));
  const scores = objectness === undefined ? classes! : graph.node("Mul", [classes!, objectness]);
  return graph.node("Concat", [boxesPx, scores], { axis: 1 });
}

/** [B, 4·bins, A] → [B, 4, A]; the channel is side · bins + bin. */
function distances(graph: OnnxGraph, box: Value, bins: number): Value {
  const sides = graph.node("Reshape", [box, graph.integers([0, 4, bins, -1])]);
  const probabilities = graph.node("Softmax", [sides], { axis: 2 });
  const bin = graph.constant(
    Array.from({ length: bins }, (_, i) => i),
    [1, 1, bins, 1],
  );
  return graph.node("ReduceSum", [graph.node("Mul", [probabilities, bin]), graph.integers([2])], { keepdims: 0 });
}

function fixedAnchors(graph: OnnxGraph, strides: readonly number[], size: { height: number; width: number }): Anchors {
  const xs: number[] = [];
  const ys: number[] = [];
  const cell: number[] = [];
  for (const stride of strides) {
    for (let y = 0; y < size.height / stride; y++) {
      for (let x = 0; x < size.width / stride; x++) {
        xs.push(x + 0.5);
        ys.push(y + 0.5);
        cell.push(stride);
      }
    }
  }
  const count = cell.length;
  return { centres: graph.constant([...xs, ...ys], [1, 2, count]), strides: graph.constant(cell, [1, 1, count]) };
}

function dynamicAnchors(graph: OnnxGraph, levels: readonly Value[], strides: readonly number[]): Anchors {
  const parts = levels.map((level, i) => graph.within(`anchors${i}`, () => levelAnchors(graph, level, strides[i]!)));
  return {
    centres: graph.node(
      "Concat",
      parts.map((part) => part.centres),
      { axis: 2 },
    ),
    strides: graph.node(
      "Concat",
      parts.map((part) => part.strides),
      { axis: 2 },
    ),
  };
}

/** Cell centres of one level from its run-time shape, row-major. */
function levelAnchors(graph: OnnxGraph, level: Value, stride: number): Anchors {
  const shape = graph.node("Shape", [level]);
  const height = graph.node("Gather", [shape, graph.integers([2])], { axis: 0 });
  const width = graph.node("Gather", [shape, graph.integers([3])], { axis: 0 });
  const grid = graph.node("Concat", [graph.integers([1, 1]), height, width], { axis: 0 });
  const x = graph.node("Reshape", [cellCentres(graph, width), graph.integers([1, 1, 1, -1])]);
  const y = graph.node("Reshape", [cellCentres(graph, height), graph.integers([1, 1, -1, 1])]);
  const flat = (value: Value): Value =>
    graph.node("Reshape", [graph.node("Expand", [value, grid]), graph.integers([1, 1, -1])]);
  return {
    centres: graph.node("Concat", [flat(x), flat(y)], { axis: 1 }),
    strides: flat(graph.constant([stride], [1, 1, 1, 1])),
  };
}

/** 0.5, 1.5 … count − 0.5 for a one-element int64 `count`. */
function cellCentres(graph: OnnxGraph, count: Value): Value {
  const scalar = graph.node("Squeeze", [graph.node("Cast", [count], { to: DataType.float }), graph.integers([0])]);
  const range = graph.node("Range", [graph.constant([0], []), scalar, graph.constant([1], [])]);
  return graph.node("Add", [range, graph.constant([0.5], [1])]);
}
