/** Configuration of `evaluate`: which COCO files are compared, and how. */
import { COCO_IOU_TYPES } from "@yolov9/vision";
import { z } from "zod";

export const EvaluateConfig = z.strictObject({
  gt: z.string().min(1).describe("ground truth: a COCO annotation file"),
  dt: z.string().min(1).describe("detections: a COCO result file, a list of rows with image_id, category_id, score"),
  iouType: z.enum(COCO_IOU_TYPES).default("bbox").describe("what is compared: boxes, masks or keypoints"),
  sigmas: z
    .array(z.number().gt(0))
    .optional()
    .describe("how precisely each keypoint can be annotated; COCO's 17 points of a person when left out"),
  perClass: z.boolean().default(false).describe("figures of each class too"),
  voc: z.boolean().default(false).describe("Pascal VOC's AP50 of boxes too, by area and by 11 points"),
});

export type EvaluateConfig = z.output<typeof EvaluateConfig>;
