/** Configuration of `val`: which weights are measured on which split, and the thresholds of the published evaluation. */
import { z } from "zod";
import {
  confidence,
  data,
  device,
  existOk,
  iou,
  maxDetections,
  maxMegapixels,
  modelOfWeights,
  ownImageSize,
  precision,
  resultName,
  resultProject,
  threads,
  weights,
  workers,
} from "./common-fields.js";
import { singleClass } from "./data-fields.js";
import { agnostic, nms, nmsSigma } from "./nms-fields.js";

export const SPLITS = ["train", "val", "test"] as const;

export const ValConfig = z.strictObject({
  weights,
  model: modelOfWeights,
  data: data.optional().describe(`${data.description}; that of the run when left out`),
  split: z.enum(SPLITS).default("val").describe("which images"),
  singleClass: singleClass.describe("take all classes as one, in the data and, where it has several, in the model"),
  imgsz: ownImageSize,
  batch: z.int().min(1).default(16).describe("images a batch"),
  confidence: confidence.default(0.001),
  iou,
  maxDetections,
  nms,
  nmsSigma,
  agnostic,
  square: z
    .boolean()
    .default(true)
    .describe("letterbox to squares; without, batches are padded to rectangles as in the published evaluation"),
  augment: z
    .boolean()
    .default(false)
    .describe("look at every image three times: full size, mirrored and smaller, small"),
  project: resultProject.default("runs/val"),
  name: resultName.default("val"),
  existOk,
  report: z.boolean().default(true).describe("write results.json, plots and report.html into that folder"),
  worst: z.int().min(0).max(200).default(12).describe("images with the most errors to show in the report"),
  device,
  precision: precision.default("float32"),
  threads,
  workers,
  maxMegapixels,
});

export type ValConfig = z.output<typeof ValConfig>;
