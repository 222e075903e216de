/** Configuration of `download`: where published files come from and go to. The name of the file is the command's argument. */
import { z } from "zod";
import { ImportConfig } from "./import-config.js";

export const DownloadConfig = z.strictObject({
  output: z.string().min(1).optional().describe("path of the .safetensors file; NAME.safetensors when left out"),
  base: z
    .string()
    .min(1)
    .optional()
    .describe("address of a folder with the files, https; $YOLOV9_DOWNLOAD_BASE or the authors' release when left out"),
  cache: z
    .string()
    .min(1)
    .optional()
    .describe("folder for the files as they come; yolov9 in the user's cache when left out"),
  force: z.boolean().default(false).describe("fetch again what is in the cache"),
  names: ImportConfig.shape.names,
});

export type DownloadConfig = z.output<typeof DownloadConfig>;
