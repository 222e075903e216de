/** Configuration of `val`: which weights are measured on which split, and the thresholds of the published evaluation. */
import { z } from "zod";
import {
  confidence,
  data,
  device,
  iou,
  maxDetections,
  model,
  ownImageSize,
  threads,
  weights,
  workers,
} from "./common-fields.js";
import { agnostic, nms, nmsSigma } from "./nms-fields.js";

export const SPLITS = ["train", "val", "test"] as const;

export const ValConfig = z.strictObject({
  weights,
  model: model
    .optional()
    .describe("zoo name or YAML file; needed where the weights are bare tensors without a model inside"),
  data,
  split: z.enum(SPLITS).default("val").describe("which images"),
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
  project: z.string().min(1).default("runs/val").describe("folder that holds the results"),
  name: z.string().min(1).optional().describe("folder of this result inside the project; numbered when left out"),
  existOk: z.boolean().default(false).describe("write into an existing folder instead of a new numbered one"),
  report: z.boolean().default(true).describe("write results.json, plots and report.html into that folder"),
  worst: z.int().min(0).max(200).default(12).describe("images with the most errors to show in the report"),
  device,
  threads,
  workers,
});

export type ValConfig = z.output<typeof ValConfig>;
