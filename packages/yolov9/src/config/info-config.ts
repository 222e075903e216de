/** Configuration of `info`: size and arithmetic of a model. The model itself is the command's argument. */
import { z } from "zod";
import { imageSize } from "./common-fields.js";

export const InfoConfig = z.strictObject({
  nc: z.int().min(1).default(80).describe("number of classes"),
  imgsz: imageSize,
});

export type InfoConfig = z.output<typeof InfoConfig>;
