/**
 * The activation functions that a model file can name. They carry no state, so a block keeps only the name; what they compute is
 * @yolov9/torch's `activate`.
 */
import type { Activation } from "@yolov9/torch";
import { z } from "zod";

export type { Activation } from "@yolov9/torch";

/** `none` is the identity. */
export const activationSchema = z.enum(["silu", "relu", "none"]) satisfies z.ZodType<Activation>;
