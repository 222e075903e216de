/** Configuration of `detect`: trained weights on files, folders and globs. The sources themselves are the command's arguments. */
import { z } from "zod";
import {
  confidence,
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
} from "./common-fields.js";
import { agnostic, nms, nmsSigma } from "./nms-fields.js";

export const DetectConfig = z.strictObject({
  weights,
  model: modelOfWeights,
  imgsz: ownImageSize,
  confidence: confidence.default(0.25),
  iou: iou.default(0.45),
  maxDetections,
  classes: z.array(z.int().min(0)).optional().describe("keep only these class numbers"),
  allowHost: z
    .array(z.string().min(1))
    .optional()
    .describe("hosts that pictures may be fetched from by address: example.com, example.com:8080, *.example.com, or *"),
  agnostic,
  nms,
  nmsSigma,
  project: resultProject.default("runs/detect"),
  name: resultName.default("detect"),
  existOk,
  images: z.boolean().default(true).describe("write annotated images"),
  saveTxt: z.boolean().default(false).describe("write a label file for each image: class and box as fractions"),
  saveConf: z.boolean().default(false).describe("end the rows of those label files with the score"),
  saveJson: z.boolean().default(false).describe("write detections.json with the boxes of all images"),
  device,
  precision: precision.default("auto"),
  threads,
  maxMegapixels,
  anyFormat: z
    .boolean()
    .default(false)
    .describe("decode whatever the decoder can open, SVG for one, besides JPEG, PNG, WebP, GIF, TIFF and AVIF"),
});

export type DetectConfig = z.output<typeof DetectConfig>;
