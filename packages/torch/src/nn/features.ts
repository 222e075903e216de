// What happens to images before and to features between convolutions, by kernels for channels-last memory: conversion, smoothing,
// enlarging, concatenating, and being used several times.
import { callOperator } from "../dispatch.js";
import { cat } from "../operators.generated.js";
import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { usesOwnKernels } from "./plain-kernels.js";

/**
 * Images as a network takes them.
 * @param bytes [B, 3, H, W] uint8
 * @returns the same in 0 … 1 and of the given type, in channels-last memory
 */
export function unitImages(bytes: Tensor, dtype: DType): Tensor {
  if (usesOwnKernels()) return callOperator("yolov9::unit_images", "", [bytes, dtype]) as Tensor;
  return bytes.to({ dtype: "float32", memoryFormat: "channels_last" }).div(BYTE_RANGE).to({ dtype });
}

const BYTE_RANGE = 255;

/** Mean of each 2 × 2 window at stride 1, without padding: [B, C, H, W] → [B, C, H - 1, W - 1]. */
export function smooth(x: Tensor): Tensor {
  return usesOwnKernels() ? (callOperator("yolov9::smooth", "", [x]) as Tensor) : x.avg_pool2d([2, 2], [1, 1]);
}

/** Nearest-neighbour enlargement by two: [B, C, H, W] → [B, C, 2 · H, 2 · W]. */
export function enlarge(x: Tensor): Tensor {
  if (usesOwnKernels()) return callOperator("yolov9::enlarge", "", [x]) as Tensor;
  const [height, width] = x.shape.slice(2);
  return x.upsample_nearest2d([2 * height!, 2 * width!]);
}

/** Channels side by side: [B, Cᵢ, H, W] → [B, Σ Cᵢ, H, W]. */
export function concatFeatures(inputs: readonly Tensor[]): Tensor {
  return usesOwnKernels() ? (callOperator("yolov9::concat", "", [inputs]) as Tensor) : cat(inputs, 1);
}

/**
 * The same features as often as they are used: their gradients are then added in one pass instead of two by two.
 * @param x [B, C, H, W]
 */
export function fanOut<Count extends number>(x: Tensor, count: Count): FixedLength<Count> {
  const uses = usesOwnKernels()
    ? (callOperator("yolov9::fan_out", "", [x, count]) as Tensor[])
    : Array.from({ length: count }, () => x);
  return uses as FixedLength<Count>;
}

/** A pair where two are asked for, so that it can be taken apart without doubt; else a list. */
type FixedLength<Count extends number> = Count extends 2 ? [Tensor, Tensor] : Tensor[];
