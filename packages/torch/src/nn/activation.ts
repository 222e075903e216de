// The activations that follow a convolution.
import type { Tensor } from "../tensor.js";

export type Activation = "none" | "silu" | "relu";

/** What the native kernels call them. */
export const activationCodes: Readonly<Record<Activation, number>> = { none: 0, silu: 1, relu: 2 };

/** The activation by libtorch's own operator. */
export function activate(z: Tensor, activation: Activation): Tensor {
  return activation === "silu" ? z.silu() : activation === "relu" ? z.relu() : z;
}
