/**
 * A fused deploy model as an ONNX file: the model's steps in their order, then the decoding of boxes, with everything that a reader
 * needs to use the file alone in its metadata. Detaching and fusing come before, checking after: see `export-model.ts`.
 */
import { METADATA_FORMAT } from "@yolov9/runtime";
import { scope, zeros, type Tensor } from "@yolov9/torch";
import { LETTERBOX_PAD } from "@yolov9/vision";
import type { DetectionModel, Step } from "../model/detection-model.js";
import { IMAGE } from "../model/spec.js";
import { packageVersion } from "../version.js";
import { decodeBoxes } from "./decode-boxes.js";
import { ExportError } from "./export-error.js";
import { OnnxGraph, type Value, type WeightPrecision } from "./onnx-graph.js";
import { DataType, encodeModel, type ModelProto } from "./onnx-schema.js";
import type { Twin } from "./record-forward.js";
import { secondExtents, SizeSource, type Extents } from "./sizes.js";
import { DETECTION_COLUMNS, suppressBoxes, type GraphSuppression } from "./suppress-boxes.js";
import { ForwardWriter, type WriterOptions } from "./write-forward.js";

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
  const extents = {
    batch: typeof batch === "number" ? batch : undefined,
    height: free ? undefined : height,
    width: free ? undefined : width,
  };
  const levels = inPrecision(graph, precision, image, (x) =>
    writeRows(model, x, { graph, opset, sizes: new SizeSource(graph, image, recordedExtents(model), extents) }),
  );
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

/** The smaller of the two sizes at which models are recorded: two cells of the coarsest level. */
function recordedExtents(model: DetectionModel): Extents {
  const side = 2 * Math.max(...model.strides);
  return { batch: 1, height: side, width: side };
}

/** Writes the rows in their order. @returns the raw levels of the lead head */
function writeRows(model: DetectionModel, image: Value, options: WriterOptions): Value[] {
  const first = recordedExtents(model);
  using writer = new ForwardWriter(options);
  return scope(() => {
    const pictures = [first, secondExtents(first)].map(({ batch, height, width }) => zeros([batch, 3, height, width]));
    const features = new Map<string, Twin<Tensor>>([[IMAGE, [pictures[0]!, pictures[1]!]]]);
    writer.bind(features.get(IMAGE)!, image);
    for (const step of model.steps) {
      const inputs = step.from.map((name) => features.get(name)!);
      const outputs = options.graph.within(`${step.section}/${step.name}`, () => writeRow(writer, step, inputs));
      if (step.kind === "head") return outputs.map((output) => writer.valueOf(output));
      for (const [i, output] of outputs.entries()) {
        features.set(step.kind === "feature" ? step.name : `${step.name}.${i}`, output);
      }
    }
    throw new ExportError(`${model.spec.name}: the model has no head`);
  });
}

/** @throws ExportError naming the row */
function writeRow(writer: ForwardWriter, step: Step, inputs: readonly Twin<Tensor>[]): Twin<Tensor>[] {
  const block = step.kind === "head" ? step.head : step.block;
  try {
    writer.name(block.stateDict());
    return writer.write(inputs, (...features) => [block.forward(...features)].flat());
  } catch (error) {
    if (!(error instanceof ExportError || error instanceof RangeError)) throw error;
    throw new ExportError(`row "${step.name}" (${block.constructor.name}): ${error.message}`, { cause: error });
  }
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
