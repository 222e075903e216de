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
  strict: z.boolean().default(false).describe("take warnings, which are what training leaves out, for errors"),
  show: z
    .int()
    .min(0)
    .default(10)
    .describe("lines for each kind, one for all that say the same; 0 prints every finding"),
  report: z.string().min(1).optional().describe("HTML file with plots and a picture of each finding"),
  writeYaml: z.string().min(1).optional().describe("new YAML file that says how the data set was understood"),
  fix: z.boolean().default(false).describe("show how labels would be repaired, and with --output write them"),
  output: z.string().min(1).optional().describe("new folder for repaired labels; images stay where they are"),
  maxMegapixels,
  workers,
});

export type DataCheckConfig = z.output<typeof DataCheckConfig>;
