/** Sensor noise: normally distributed, independent in every pixel and channel. */

import { Random } from "../random.js";
import type { EffectImage, PlannedEffect } from "./effect.js";

/** Standard deviation in levels. */
const DEVIATION = [5, 25] as const;

export function drawNoise(random: Random): PlannedEffect {
  const deviation = random.uniform(...DEVIATION);
  const key = random.integer(2 ** 31);
  return {
    name: "noise",
    settings: { deviation },
    apply: (image) => addNoise(image, () => deviation, new Random(key)),
  };
}

/** @param deviationOf standard deviation by the pixel's level */
export function addNoise({ data }: EffectImage, deviationOf: (level: number) => number, random: Random): void {
  const deviations = Float64Array.from({ length: 256 }, (_, level) => deviationOf(level));
  for (let i = 0; i < data.length; i++) {
    const level = data[i]!;
    data[i] = Math.min(Math.max(Math.round(level + random.normal() * deviations[level]!), 0), 255);
  }
}
