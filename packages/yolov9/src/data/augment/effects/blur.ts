/** Blur: the mean of a square of 3, 5 or 7 pixels, mirrored at the border. Rows first, then columns, each as a running sum. */

import type { Random } from "../random.js";
import { mirrored } from "./border.js";
import type { EffectImage, PlannedEffect } from "./effect.js";

const LARGEST_RADIUS = 3;

export function drawBlur(random: Random): PlannedEffect {
  const radius = 1 + random.integer(LARGEST_RADIUS);
  return { name: "blur", settings: { kernel: 2 * radius + 1 }, apply: (image) => blur(image, radius) };
}

export function blur({ data, width, height }: EffectImage, radius: number): void {
  const along = new Uint16Array(data.length);
  const area = (2 * radius + 1) ** 2;
  for (let row = 0; row < height; row++) {
    for (let channel = 0; channel < 3; channel++) {
      const start = row * width * 3 + channel;
      runningSums(data, { start, step: 3, count: width }, radius, (at, sum) => (along[at] = sum));
    }
  }
  for (let start = 0; start < width * 3; start++) {
    const line = { start, step: width * 3, count: height };
    runningSums(along, line, radius, (at, sum) => (data[at] = (sum + (area >> 1)) / area));
  }
}

interface Line {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Puts the sum of 2 * radius + 1 neighbours along a line for each of its positions. */
function runningSums(
  values: Uint8Array | Uint16Array,
  { start, step, count }: Line,
  radius: number,
  put: (at: number, sum: number) => void,
): void {
  const at = (i: number) => values[start + mirrored(i, count) * step]!;
  let sum = 0;
  for (let i = -radius; i < radius; i++) sum += at(i);
  for (let i = 0; i < count; i++) {
    sum += at(i + radius);
    put(start + i * step, sum);
    sum -= at(i - radius);
  }
}
