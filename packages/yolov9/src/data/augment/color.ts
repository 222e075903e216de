/**
 * The last pass over a training image: hue, saturation and value are scaled, the picture is flipped, and interleaved RGB becomes planes, all
 * in one walk (jitterRow of kernels/augment.ts). The colour space is OpenCV's 8-bit HSV: hue 0 … 179, divisions by fixed-point tables,
 * fractions dropped after each gain, whose rounding the recipe was tuned with.
 */

import type { AugmentConfig } from "./config.js";
import type { Random } from "./random.js";
import type { Workspace } from "./workspace.js";

/** Factors by which hue, saturation and value are multiplied. */
export interface HsvGains {
  readonly hue: number;
  readonly saturation: number;
  readonly value: number;
}

/** Gains are multiples of 1 / 16384, so that a gain times a level is exact in single precision. */
const GAIN_STEPS = 16_384;

export function drawHsv(random: Random, { hsvH, hsvS, hsvV }: AugmentConfig): HsvGains {
  const gain = (strength: number) => Math.round((1 + random.uniform(-strength, strength)) * GAIN_STEPS) / GAIN_STEPS;
  return { hue: gain(hsvH), saturation: gain(hsvS), value: gain(hsvV) };
}

/**
 * Jitter, flip and split into planes.
 * @param workspace with the interleaved pixels in `first`
 * @param size width a multiple of 4
 * @param out receives the R, G and B planes one after the other, each row-major
 */
export function finishImage(
  { kernels, first, planes }: Workspace,
  { width, height }: { readonly width: number; readonly height: number },
  gains: HsvGains,
  flip: { readonly leftRight: boolean; readonly upDown: boolean },
  out: Uint8Array,
): void {
  const { hue, saturation, value } = gains;
  const plane = width * height;
  for (let y = 0; y < height; y++) {
    const from = first.byteOffset + y * width * 3;
    const to = planes.byteOffset + (flip.upDown ? height - 1 - y : y) * width;
    kernels.jitterRow(from, width, hue, saturation, value, to, plane, flip.leftRight);
  }
  out.set(planes.subarray(0, 3 * plane));
}
