/** Configuration of `export`: from trained weights to one ONNX file without the auxiliary branch, or to weights with the published names. */
import { z } from "zod";
import {
  confidence,
  data,
  iou,
  maxDetections,
  maxMegapixels,
  modelOfWeights,
  ownImageSize,
  weights,
} from "./common-fields.js";

/** The oldest operator set that the writer emits, and the newest that was checked with ONNX Runtime. */
const OLDEST_OPSET = 17;
const NEWEST_OPSET = 22;

export const ExportConfig = z.strictObject({
  weights,
  model: modelOfWeights,
  output: z.string().min(1).optional().describe("path of the file; next to the weights when left out"),
  imgsz: ownImageSize,
  batch: z.int().min(1).default(1).describe("images a batch when the batch is not dynamic"),
  dynamicBatch: z.boolean().default(false).describe("let the user of the file choose the batch"),
  dynamicSize: z.boolean().default(false).describe("let the user of the file choose height and width"),
  opset: z.int().min(OLDEST_OPSET).max(NEWEST_OPSET).default(OLDEST_OPSET).describe("ONNX operator set"),
  precision: z
    .enum(["float32", "float16", "int8"])
    .default("float32")
    .describe("of weights and features; input, decoding of boxes and output stay float32"),
  calibrationData: data.optional().describe("for int8: images that features are measured on; `data` when left out"),
  calibrationImages: z.int().min(1).default(64).describe("for int8: so many images, of the training split"),
  reduceRange: z.boolean().default(false).describe("for int8: weights of 7 bits, for CPUs without VNNI instructions"),
  maxMegapixels,
  data: data.optional().describe("measure AP on the validation split of this data set, before and after"),
  nms: z.boolean().default(false).describe("non-maximum suppression inside the graph: the output is the detections"),
  confidence: confidence.default(0.25).describe("with nms, detections score more than this"),
  iou: iou.default(0.45).describe("with nms: IoU above which the weaker box of a class is dropped"),
  maxDetections: maxDetections.describe("with nms: rows of the output, an image"),
  multiLabel: z.boolean().default(false).describe("with nms: one place may yield several classes, as in validation"),
  verify: z
    .boolean()
    .default(false)
    .describe("print every comparison of the lead output, from training model to ONNX Runtime"),
  officialNames: z
    .boolean()
    .default(false)
    .describe("write safetensors with the names of the published checkpoints instead of ONNX"),
  detach: z
    .boolean()
    .default(false)
    .describe("with officialNames: without the auxiliary branch, as in the published deploy files"),
});

export type ExportConfig = z.output<typeof ExportConfig>;
