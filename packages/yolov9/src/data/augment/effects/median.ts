/** Median filter of 3, 5 or 7 pixels square, channel by channel: details vanish, edges stay. A histogram slides along each row (Huang 1979). */

import type { Random } from "../random.js";
import { mirrored } from "./border.js";
import type { EffectImage, PlannedEffect } from "./effect.js";

const LARGEST_RADIUS = 3;

export function drawMedian(random: Random): PlannedEffect {
  const radius = 1 + random.integer(LARGEST_RADIUS);
  return { name: "median", settings: { kernel: 2 * radius + 1 }, apply: (image) => median(image, radius) };
}

export function median({ data, width, height }: EffectImage, radius: number): void {
  const source = data.slice();
  for (let y = 0; y < height; y++) {
    const rows = Array.from({ length: 2 * radius + 1 }, (_, i) => mirrored(y + i - radius, height) * width * 3);
    for (let channel = 0; channel < 3; channel++) medianRow(source, rows, width, channel, radius, data, y * width * 3);
  }
}

function medianRow(
  source: Uint8Array,
  rows: readonly number[],
  width: number,
  channel: number,
  radius: number,
  out: Uint8Array,
  outRow: number,
): void {
  const counts = new Uint16Array(256);
  const half = ((2 * radius + 1) ** 2 - 1) / 2;
  let level = 0;
  /** Values in the window that are smaller than `level`. */
  let below = 0;
  const change = (x: number, by: 1 | -1) => {
    const offset = mirrored(x, width) * 3 + channel;
    for (const row of rows) {
      const value = source[row + offset]!;
      counts[value] = counts[value]! + by;
      if (value < level) below += by;
    }
  };
  for (let x = -radius; x < radius; x++) change(x, 1);
  for (let x = 0; x < width; x++) {
    change(x + radius, 1);
    while (below > half) below -= counts[--level]!;
    while (below + counts[level]! <= half) below += counts[level++]!;
    out[outRow + x * 3 + channel] = level;
    change(x - radius, -1);
  }
}
