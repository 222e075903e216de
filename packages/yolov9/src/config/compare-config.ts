/** Configuration of `compare`. The runs themselves are the command's arguments. */
import { z } from "zod";

export const CompareConfig = z.strictObject({
  output: z.string().min(1).default("runs/comparison.svg").describe("where the curves go"),
});

export type CompareConfig = z.output<typeof CompareConfig>;
