/** Configuration of `import`: weights that other programs wrote as a model of this one. The file is the command's argument. */
import { z } from "zod";
import { model } from "./common-fields.js";

export const ImportConfig = z.strictObject({
  output: z.string().min(1).optional().describe("path of the .safetensors file; next to the weights when left out"),
  model: model
    .optional()
    .describe("zoo name or YAML file of the architecture; recognised from the weights when left out"),
  names: z
    .string()
    .min(1)
    .optional()
    .describe(
      "class names: a YAML file with names (data.yaml), or a comma-separated list; those in the file when left out",
    ),
});

export type ImportConfig = z.output<typeof ImportConfig>;
