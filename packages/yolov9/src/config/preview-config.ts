/** Configuration of `data preview`: which training images are made again and drawn, under which augmentation. */
import { z } from "zod";
import { augmentationFields, batchFields } from "./augmentation-fields.js";
import { data, imageSize, maxMegapixels } from "./common-fields.js";
import { SPLITS } from "./val-config.js";

export const PreviewConfig = z.strictObject({
  // Which images
  data,
  split: z.enum(SPLITS).default("train").describe("which images"),
  seed: z.int().min(0).default(0).describe("seed of the run"),
  epoch: z.int().min(0).default(0).describe("epoch, counted from 0"),
  index: z.int().min(0).default(0).describe("first image, counted from 0 in the order of the data set"),
  count: z.int().min(1).max(400).default(16).describe("how many images"),

  // What is written
  output: z.string().min(1).default("runs/preview").describe("folder that gets the contact sheets"),
  each: z.boolean().default(false).describe("one sheet for each augmentation instead, alone and at strong settings"),

  // How training would make them
  imgsz: imageSize,
  batch: z.int().min(1).default(16).describe("images a step; matters for multiScale and rect only"),
  epochs: z.int().min(1).default(100).describe("epochs of the run; matters for closeMosaic only"),
  ...batchFields,
  ...augmentationFields,
  maxMegapixels,
});

export type PreviewConfig = z.output<typeof PreviewConfig>;
