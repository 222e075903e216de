/** The effects by name, in the order in which they act: first optics, then contrast and light, then the sensor, then the file. */

import type { AugmentConfig } from "../config.js";
import type { Random } from "../random.js";
import { drawBlur } from "./blur.js";
import { drawClahe } from "./clahe.js";
import type { PlannedEffect } from "./effect.js";
import { drawErasing } from "./erasing.js";
import { drawGamma, drawLowLight } from "./exposure.js";
import { drawGrey } from "./grey.js";
import { drawJpeg } from "./jpeg.js";
import { drawMedian } from "./median.js";
import { drawNoise } from "./noise.js";

export type { EffectImage, PlannedEffect } from "./effect.js";

const EFFECTS = {
  blur: drawBlur,
  median: drawMedian,
  grey: drawGrey,
  clahe: drawClahe,
  gamma: drawGamma,
  lowLight: drawLowLight,
  noise: drawNoise,
  jpeg: drawJpeg,
  erasing: drawErasing,
} as const satisfies Partial<Record<keyof AugmentConfig, (random: Random) => PlannedEffect>>;

export type EffectName = keyof typeof EFFECTS;

export const effectNames = Object.keys(EFFECTS) as readonly EffectName[];

/** @param stream gives the random numbers of each effect, by its number */
export function drawEffects(config: AugmentConfig, stream: (number: number) => Random): PlannedEffect[] {
  return effectNames.flatMap((name, number) => {
    if (config[name] === 0) return [];
    const random = stream(number);
    return random.chance(config[name]) ? [EFFECTS[name](random)] : [];
  });
}
