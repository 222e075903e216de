/** Fields that the `data` commands share. */
import { z } from "zod";

export const dataPath = z
  .string()
  .min(1)
  .describe("data set: a YAML file, a folder in a known layout, a COCO or CSV file, or a list");

export const classChoice = z
  .array(z.string())
  .optional()
  .describe("classes to keep, in this order; new=old+other renames and merges");

export const singleClass = z.boolean().default(false).describe("take all classes as one");

export const seed = z.int().min(0).default(0).describe("seed of random choices");
