/**
 * The activation functions that a model file can name. They carry no state, so a block keeps only the name.
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";

export const activationSchema = z.enum(["silu", "relu", "none"]);

/** `none` is the identity. */
export type Activation = z.infer<typeof activationSchema>;

export function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "silu":
      return x.silu();
    case "relu":
      return x.relu();
    case "none":
      return x;
  }
}
