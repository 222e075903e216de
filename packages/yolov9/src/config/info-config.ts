/** Configuration of `info`: size and arithmetic of a model. The model itself is the command's argument. */
import { z } from "zod";
import { imageSize } from "./common-fields.js";

export const InfoConfig = z.strictObject({
  nc: z.int().min(1).optional().describe("number of classes; the model file's own when left out"),
  imgsz: imageSize,
});

export type InfoConfig = z.output<typeof InfoConfig>;
