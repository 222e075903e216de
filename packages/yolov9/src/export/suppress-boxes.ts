/**
 * Non-maximum suppression as ONNX operators: decoded predictions become the detections themselves, for readers who have no suppression
 * of their own. The rules are those of `nonMaxSuppression` in @yolov9/vision: greedy, class by class, thresholds exceeded strictly.
 */
import { DataType } from "./onnx-schema.js";
import type { OnnxGraph, Value } from "./onnx-graph.js";

export interface GraphSuppression {
  /** Detections score more than this. */
  confidence: number;
  /** Overlap above which the weaker of two boxes of a class goes. */
  iou: number;
  /** Rows of the output. */
  maxDetections: number;
  /** Whether one place may yield several classes, or its best one only. */
  multiLabel: boolean;
}

/** Numbers of a detection: x1 y1 x2 y2 score class. */
export const DETECTION_COLUMNS = 6;

/**
 * @param decoded [B, 4 + classes, A] cx cy w h and scores
 * @returns [B, maxDetections, 6] x1 y1 x2 y2 score class, best first, filled up with rows of zeros
 */
export function suppressBoxes(graph: OnnxGraph, decoded: Value, classCount: number, options: GraphSuppression): Value {
  const { maxDetections } = options;
  const [boxRows, scores] = graph.nodes("Split", [decoded, graph.integers([4, classCount])], 2, { axis: 1 });
  const boxes = graph.node("Transpose", [boxRows], { perm: [0, 2, 1] });
  const kept = keptScores(graph, boxes, scores!, classCount, options);

  // Of all classes and anchors in one row, class by class; zeros at its end, in case there are fewer than wanted.
  const row = graph.node("Reshape", [kept, graph.integers([0, -1])]);
  const padded = graph.node("Pad", [row, graph.integers([0, 0, 0, maxDetections])]);
  const [best, places] = graph.nodes("TopK", [padded, graph.integers([maxDetections])], 2, { axis: 1 });
  const anchors = graph.node("Gather", [graph.node("Shape", [boxes]), graph.integers([1])], { axis: 0 });
  const anchor = graph.node("Mod", [places!, anchors]);
  const classId = graph.node("Div", [places!, anchors]);

  const last = graph.integers([2]);
  const columns = [
    corners(graph, graph.node("GatherND", [boxes, graph.node("Unsqueeze", [anchor, last])], { batch_dims: 1 })),
    graph.node("Unsqueeze", [best, last]),
    graph.node("Cast", [graph.node("Unsqueeze", [classId, last])], { to: DataType.float }),
  ];
  const found = graph.node("Greater", [columns[1]!, graph.constant([0], [1])]);
  const detections = graph.node("Concat", columns, { axis: 2 });
  return graph.node("Where", [found, detections, graph.constant([0], [1])]);
}

/** [B, classes, A]: the scores of what suppression keeps, zero elsewhere. */
function keptScores(
  graph: OnnxGraph,
  boxes: Value,
  scores: Value,
  classCount: number,
  options: GraphSuppression,
): Value {
  const { confidence, iou, maxDetections, multiLabel } = options;
  const candidates = multiLabel ? scores : bestClassOnly(graph, scores, classCount);
  const selected = graph.node(
    "NonMaxSuppression",
    [boxes, candidates, graph.integers([maxDetections]), graph.constant([iou], [1]), graph.constant([confidence], [1])],
    { center_point_box: 1 },
  );
  const zeros = graph.node("ConstantOfShape", [graph.node("Shape", [scores])]);
  return graph.node("ScatterND", [zeros, selected, graph.node("GatherND", [scores, selected])]);
}

/** Scores of other classes than an anchor's best, the first of equals, become zero. */
function bestClassOnly(graph: OnnxGraph, scores: Value, classCount: number): Value {
  const best = graph.node("ArgMax", [scores], { axis: 1 });
  const classes = graph.integers([...Array(classCount).keys()], [1, classCount, 1]);
  return graph.node("Where", [graph.node("Equal", [best, classes]), scores, graph.constant([0], [1])]);
}

/** [B, n, 4] cx cy w h → x1 y1 x2 y2. */
function corners(graph: OnnxGraph, boxes: Value): Value {
  const [centre, extent] = graph.nodes("Split", [boxes, graph.integers([2, 2])], 2, { axis: 2 });
  const half = graph.node("Mul", [extent!, graph.constant([0.5], [1])]);
  return graph.node("Concat", [graph.node("Sub", [centre, half]), graph.node("Add", [centre, half])], { axis: 2 });
}
