/** Configuration of `data convert`: which data set is written in which format, and where. */
import { z } from "zod";
import { classChoice, dataPath, singleClass } from "./data-fields.js";

export const DataConvertConfig = z.strictObject({
  from: dataPath,
  to: z.enum(["yolo", "coco", "voc", "csv"]).describe("format to write"),
  output: z.string().min(1).describe("new folder; must not exist, or be empty"),
  images: z
    .enum(["copy", "link", "hardlink"])
    .default("copy")
    .describe("copies of the images, symbolic links to them, or second names of the same files"),
  classes: classChoice,
  singleClass,
});

export type DataConvertConfig = z.output<typeof DataConvertConfig>;
