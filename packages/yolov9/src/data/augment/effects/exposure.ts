/**
 * Other exposures: gamma bends the brightness curve, low light takes away most of the light and adds the noise of few photons and of the
 * sensor's electronics.
 */

import { Random } from "../random.js";
import type { EffectImage, PlannedEffect } from "./effect.js";
import { addNoise } from "./noise.js";

/** As a power of two: from half to double. */
const GAMMA_RANGE = [-1, 1] as const;

/** Share of the light that is left. */
const EXPOSURE = [0.1, 0.4] as const;
/** Levels of noise where there is no light, and variance in levels a level of light. */
const READ_NOISE = 2;
const SHOT_NOISE = 0.6;

export function drawGamma(random: Random): PlannedEffect {
  const exponent = 2 ** random.uniform(...GAMMA_RANGE);
  return { name: "gamma", settings: { exponent }, apply: (image) => gamma(image, exponent) };
}

export function gamma({ data }: EffectImage, exponent: number): void {
  const curve = Uint8Array.from({ length: 256 }, (_, level) => Math.round(255 * (level / 255) ** exponent));
  for (let i = 0; i < data.length; i++) data[i] = curve[data[i]!]!;
}

export function drawLowLight(random: Random): PlannedEffect {
  const exposure = random.uniform(...EXPOSURE);
  const key = random.integer(2 ** 31);
  return { name: "lowLight", settings: { exposure }, apply: (image) => lowLight(image, exposure, key) };
}

export function lowLight(image: EffectImage, exposure: number, key: number): void {
  const { data } = image;
  for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i]! * exposure);
  addNoise(image, (level) => Math.sqrt(READ_NOISE ** 2 + SHOT_NOISE * level), new Random(key));
}
