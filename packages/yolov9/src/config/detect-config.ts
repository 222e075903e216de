/** Configuration of `detect`: an exported model on files, folders and globs. The sources themselves are the command's arguments. */
import { z } from "zod";
import { confidence, iou, maxDetections, weights } from "./common-fields.js";

export const DetectConfig = z.strictObject({
  weights,
  imgsz: z
    .int()
    .min(32)
    .multipleOf(32)
    .optional()
    .describe("side of the network input in pixels; the model's own when left out"),
  confidence: confidence.default(0.25),
  iou: iou.default(0.45),
  maxDetections,
  classes: z.array(z.int().min(0)).optional().describe("keep only these class numbers"),
  agnostic: z.boolean().default(false).describe("suppress overlapping boxes of different classes too"),
  project: z.string().min(1).default("runs/detect").describe("folder that holds the results"),
  name: z.string().min(1).optional().describe("folder of this result inside the project; numbered when left out"),
  existOk: z.boolean().default(false).describe("write into an existing folder instead of a new numbered one"),
  images: z.boolean().default(true).describe("write annotated images"),
  txt: z.boolean().default(false).describe("write one label file an image"),
});

export type DetectConfig = z.output<typeof DetectConfig>;
