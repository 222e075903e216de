/** Configuration of `export`: from trained weights to one ONNX file without the auxiliary branch, or to weights with the published names. */
import { z } from "zod";
import { modelOfWeights, ownImageSize, weights } from "./common-fields.js";

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
