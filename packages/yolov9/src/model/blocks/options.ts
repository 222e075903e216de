/**
 * The option types that rows of a model file share.
 */
import { z } from "zod";
import { atMost } from "../at-most.js";
import { BlockError, type Feature } from "./registry.js";

/** A whole number from 1 on; the limit keeps a slip of the finger, or a hostile file, from filling the memory. */
function count(most: number): z.ZodInt {
  return z.int().positive().max(most, atMost(most));
}

export const MOST_CHANNELS = 16_384;
/** A number of channels. */
export const channels = count(MOST_CHANNELS);
/** Side of a window in cells. */
export const kernelSize = count(127);
/** Cells from one window to the next. */
export const stride = count(64);
export const dilation = count(64);
/** Groups of channels. */
export const groups = count(MOST_CHANNELS);
/** How often something is repeated. */
export const depth = count(100);

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
