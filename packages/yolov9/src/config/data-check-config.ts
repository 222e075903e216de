/** Configuration of `data check`: which data set is looked at, how closely, and what becomes of the findings. */
import { z } from "zod";
import { maxMegapixels, workers } from "./common-fields.js";
import { dataPath } from "./data-fields.js";

export const DataCheckConfig = z.strictObject({
  data: dataPath,
  pixels: z.boolean().default(true).describe("decode every image: finds damage and duplicates, and takes longer"),
  failOn: z
    .enum(["error", "warning", "never"])
    .default("error")
    .describe("mildest severity that makes the exit code 1"),
  show: z.int().min(0).default(10).describe("findings of a kind that are printed one by one; 0 prints all"),
  report: z.string().min(1).optional().describe("HTML file with plots and a picture of each finding"),
  fix: z.boolean().default(false).describe("show how labels would be repaired, and with --output write them"),
  output: z.string().min(1).optional().describe("new folder for repaired labels; images stay where they are"),
  maxMegapixels,
  workers,
});

export type DataCheckConfig = z.output<typeof DataCheckConfig>;
