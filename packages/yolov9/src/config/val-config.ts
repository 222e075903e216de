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
  device,
  threads,
  workers,
});

export type ValConfig = z.output<typeof ValConfig>;
