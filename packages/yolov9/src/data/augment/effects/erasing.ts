/** Random erasing (Zhong et al. 2020): rectangles become noise, so that objects are learned from their parts. Boxes stay whole. */

import { Random } from "../random.js";
import type { EffectImage, PlannedEffect } from "./effect.js";

const MOST_RECTANGLES = 5;
/** Of one rectangle: share of the image, and width to height as a power of e. */
const AREA = [0.005, 0.06] as const;
const LOG_ASPECT = [-1.2, 1.2] as const;

export function drawErasing(random: Random): PlannedEffect {
  const rectangles = 1 + random.integer(MOST_RECTANGLES);
  const key = random.integer(2 ** 31);
  return { name: "erasing", settings: { rectangles }, apply: (image) => erase(image, rectangles, new Random(key)) };
}

export function erase({ data, width, height }: EffectImage, rectangles: number, random: Random): void {
  for (let i = 0; i < rectangles; i++) {
    const side = Math.sqrt(random.uniform(...AREA));
    const stretch = Math.exp(random.uniform(...LOG_ASPECT) / 2);
    const w = Math.min(Math.max(Math.round(side * stretch * width), 1), width);
    const h = Math.min(Math.max(Math.round((side / stretch) * height), 1), height);
    const [x, y] = [random.integer(width - w + 1), random.integer(height - h + 1)];
    for (let row = y; row < y + h; row++) {
      for (let at = (row * width + x) * 3; at < (row * width + x + w) * 3; at++) data[at] = random.integer(256);
    }
  }
}
