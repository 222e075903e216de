/**
 * A fused deploy model as an ONNX file: the model's steps in their order, then the decoding of boxes, with everything that a reader
 * needs to use the file alone in its metadata. Detaching and fusing come before, checking after: see `export-model.ts`.
 */
import { METADATA_FORMAT } from "@yolov9/runtime";
import { LETTERBOX_PAD } from "@yolov9/vision";
import type { DetectionModel } from "../model/detection-model.js";
import { IMAGE } from "../model/spec.js";
import { packageVersion } from "../version.js";
import { exportBlock, ExportError } from "./block-exporters.js";
import { exportHead } from "./blocks.js";
import { decodeBoxes } from "./decode-boxes.js";
import { OnnxGraph, type Value, type WeightPrecision } from "./onnx-graph.js";
import { DataType, encodeModel, type ModelProto } from "./onnx-schema.js";
import { DETECTION_COLUMNS, suppressBoxes, type GraphSuppression } from "./suppress-boxes.js";

/** Names of the file's one input and one output. */
const INPUT_NAME = "images";
const OUTPUT_NAME = "output0";
const SUPPRESSED_OUTPUT_NAME = "detections";

/** What a reader of the file should use unless told otherwise. */
const DEFAULT_CONFIDENCE = 0.25;
const DEFAULT_IOU = 0.45;
/** As in validation, so that a reader gets the boxes that were measured. */
const LETTERBOX = { pad: LETTERBOX_PAD, scaleUp: true, kernel: "auto" };

export interface OnnxOptions {
  /** Input size in pixels, multiples of the largest stride; the size to prefer where it is free. Default 640 × 640. */
  height?: number;
  width?: number;
  /** Images a batch, where the batch is not free. Default 1. */
  batch?: number;
  dynamicBatch?: boolean;
  dynamicSize?: boolean;
  /** Default 17. */
  opset?: number;
  /** Of weights and features. Input, decoding of boxes and output are float32 in any case. Default float32. */
  precision?: WeightPrecision;
  /** Puts non-maximum suppression into the graph. */
  suppression?: GraphSuppression | undefined;
  /** Written into the metadata. Default: now. */
  date?: Date;
}

export const DEFAULT_INPUT_SIZE = 640;
const DEFAULT_OPSET = 17;

/**
 * @param model fused and without auxiliary branch
 * @returns the bytes of the file. Input `images` [B, 3, H, W] RGB 0 … 1; output `output0` [B, 4 + classes, A] cx cy w h in input
 *   pixels and scores, the same as `model.decode`; with suppression `detections` [B, maxDetections, 6] x1 y1 x2 y2 score class
 * @throws ExportError when the model is not ready or the size does not fit
 */
export function toOnnx(model: DetectionModel, options: OnnxOptions = {}): Uint8Array {
  return encodeModel(toOnnxModel(model, options));
}

/** What `toOnnx` encodes. */
export function toOnnxModel(model: DetectionModel, options: OnnxOptions = {}): ModelProto {
  const { height = DEFAULT_INPUT_SIZE, width = DEFAULT_INPUT_SIZE, opset = DEFAULT_OPSET } = options;
  const { precision = "float32", suppression } = options;
  checkReady(model, height, width);
  const batch = options.dynamicBatch === true ? "batch" : (options.batch ?? 1);
  const free = options.dynamicSize === true;
  const graph = new OnnxGraph(model.spec.name, precision);
  const image = graph.input(INPUT_NAME, [batch, 3, free ? "height" : height, free ? "width" : width]);
  const levels = inPrecision(graph, precision, image, (x) => exportSteps(graph, model, x));
  const { strides, regMax: bins, classCount, objectness } = model;
  const size = free ? undefined : { height, width };
  const decoded = graph.within("decode", () =>
    decodeBoxes(graph, levels, { strides, bins, classCount, objectness, size }),
  );
  if (suppression === undefined) {
    const anchors = strides.reduce((sum, stride) => sum + (height / stride) * (width / stride), 0);
    graph.output(OUTPUT_NAME, decoded, [batch, 4 + classCount, free ? "anchors" : anchors]);
  } else {
    const detections = graph.within("suppress", () => suppressBoxes(graph, decoded, classCount, suppression));
    graph.output(SUPPRESSED_OUTPUT_NAME, detections, [batch, suppression.maxDetections, DETECTION_COLUMNS]);
  }
  return graph.toModel(opset, metadata(model, height, width, options), packageVersion());
}

/** Casts into the graph's precision and back around `build`, where the precision is not float32. */
function inPrecision(graph: OnnxGraph, precision: WeightPrecision, x: Value, build: (x: Value) => Value[]): Value[] {
  if (precision === "float32") return build(x);
  return build(graph.node("Cast", [x], { to: DataType.float16 })).map((level) =>
    graph.node("Cast", [level], { to: DataType.float }),
  );
}

/** Runs the rows in order. @returns the raw levels of the lead head */
function exportSteps(graph: OnnxGraph, model: DetectionModel, image: Value): Value[] {
  const features = new Map<string, Value>([[IMAGE, image]]);
  for (const step of model.steps) {
    const inputs = step.from.map((name) => features.get(name)!);
    const scope = `${step.section}/${step.name}`;
    if (step.kind === "features") {
      throw new ExportError(
        `${model.spec.name}: row "${step.name}" is a ${step.block.constructor.name}, which has no ONNX form; it serves in auxiliary branches`,
      );
    }
    if (step.kind === "head") return graph.within(scope, () => exportHead(graph, step.head, inputs));
    features.set(
      step.name,
      graph.within(scope, () => exportBlock(graph, step.block, inputs)),
    );
  }
  throw new ExportError(`${model.spec.name}: the model has no head`);
}

function checkReady(model: DetectionModel, height: number, width: number): void {
  const { name } = model.spec;
  if (model.hasAuxiliary) throw new ExportError(`${name}: detach the auxiliary branch before writing ONNX`);
  if (!model.fused) throw new ExportError(`${name}: fuse the model before writing ONNX`);
  const largest = Math.max(...model.strides);
  for (const side of [height, width]) {
    if (side <= 0 || side % largest !== 0) throw new ExportError(`input side ${side} must be a multiple of ${largest}`);
  }
}

function metadata(model: DetectionModel, height: number, width: number, options: OnnxOptions): Map<string, string> {
  const { suppression, date = new Date() } = options;
  const { confidence = DEFAULT_CONFIDENCE, iou = DEFAULT_IOU } = suppression ?? {};
  return new Map([
    ["yolov9.format", METADATA_FORMAT],
    ["task", "detect"],
    ["model", model.spec.name],
    ["names", JSON.stringify(Object.fromEntries(model.names.entries()))],
    ["stride", JSON.stringify(model.strides)],
    ["imgsz", JSON.stringify([height, width])],
    ["letterbox", JSON.stringify(LETTERBOX)],
    ["confidence", String(confidence)],
    ["iou", String(iou)],
    ...(suppression === undefined ? [] : ([["suppression", JSON.stringify(suppression)]] as const)),
    ["date", date.toISOString()],
  ]);
}
