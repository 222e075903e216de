/** Configuration of `data split`: how images are dealt out to training, validation and test. */
import { z } from "zod";
import { dataPath, seed } from "./data-fields.js";

export const DataSplitConfig = z.strictObject({
  data: dataPath,
  output: z.string().min(1).describe("new folder for the lists and their data.yaml"),
  ratio: z
    .array(z.number().min(0))
    .default([0.8, 0.1, 0.1])
    .describe("shares of training, validation and test; they need not sum to 1"),
  stratify: z.boolean().default(true).describe("give every split each class in the same share"),
  group: z
    .string()
    .optional()
    .describe("pattern (regular expression) on the path; images whose match is the same stay in one split"),
  images: z
    .enum(["list", "copy", "link", "hardlink"])
    .default("list")
    .describe("only lists of the images where they are, or a new data set with copies, symbolic or hard links"),
  seed,
});

export type DataSplitConfig = z.output<typeof DataSplitConfig>;
