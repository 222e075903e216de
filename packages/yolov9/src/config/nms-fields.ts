/** Fields about non-maximum suppression that `val` and `detect` share. */
import { NMS_METHODS } from "@yolov9/vision";
import { z } from "zod";

export const nms = z
  .enum(NMS_METHODS)
  .default("greedy")
  .describe("how boxes suppress one another: greedy drops the weaker one, none keeps all, the others lower its score");

export const nmsSigma = z.number().gt(0).default(0.5).describe("width of the curve of soft-gaussian and matrix");

export const agnostic = z.boolean().default(false).describe("suppress overlapping boxes of different classes too");
