/**
 * The option types that rows of a model file share.
 */
import { z } from "zod";
import { BlockError, type Feature } from "./registry.js";

/** A number of channels. */
export const channels = z.int().positive();
export const kernelSize = z.int().positive();
/** How often something is repeated; the limit keeps a slip of the finger from filling the memory. */
export const depth = z.int().positive().max(1000);

/** The only input of a block that takes one. */
export function only(inputs: readonly Feature[]): Feature {
  return inputs[0]!;
}

/** The stride that all inputs share. @throws BlockError when they differ */
export function sharedStride(block: string, inputs: readonly Feature[]): number {
  const strides = inputs.map((input) => input.stride);
  if (new Set(strides).size > 1) {
    throw new BlockError(`${block} needs inputs of one stride, but they have ${strides.join(", ")}`);
  }
  return strides[0]!;
}
