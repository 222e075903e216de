/**
 * Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of the brightness, on a grid of 8 x 8 tiles whose curves are blended
 * bilinearly. Colours keep their differences to the brightness, so that hues stay.
 */

import type { Random } from "../random.js";
import type { EffectImage, PlannedEffect } from "./effect.js";
import { luma } from "./luma.js";

const GRID = 8;
const LEVELS = 256;
/** A histogram's bins are cut at so many times their mean. */
const LIMITS = [1, 4] as const;

export function drawClahe(random: Random): PlannedEffect {
  const clipLimit = random.uniform(...LIMITS);
  return { name: "clahe", settings: { clipLimit }, apply: (image) => clahe(image, clipLimit) };
}

export function clahe({ data, width, height }: EffectImage, clipLimit: number): void {
  const brightness = Uint8Array.from({ length: width * height }, (_, i) =>
    luma(data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!),
  );
  const edges = (size: number) => Array.from({ length: GRID + 1 }, (_, i) => Math.round((i * size) / GRID));
  const [columns, rows] = [edges(width), edges(height)];
  const curves = Array.from({ length: GRID * GRID }, (_, tile) => {
    const [tileX, tileY] = [tile % GRID, Math.floor(tile / GRID)];
    const histogram = new Float64Array(LEVELS);
    for (let y = rows[tileY]!; y < rows[tileY + 1]!; y++) {
      for (let x = columns[tileX]!; x < columns[tileX + 1]!; x++) histogram[brightness[y * width + x]!]!++;
    }
    return equalisingCurve(histogram, clipLimit);
  });
  const [across, down] = [blendWeights(width), blendWeights(height)];
  for (let y = 0; y < height; y++) {
    const [top, bottom, lower] = down[y]!;
    for (let x = 0; x < width; x++) {
      const [left, right, share] = across[x]!;
      const old = brightness[y * width + x]!;
      const upperValue = curves[top * GRID + left]![old]! * (1 - share) + curves[top * GRID + right]![old]! * share;
      const lowerValue =
        curves[bottom * GRID + left]![old]! * (1 - share) + curves[bottom * GRID + right]![old]! * share;
      shift(data, (y * width + x) * 3, Math.round(upperValue * (1 - lower) + lowerValue * lower) - old);
    }
  }
}

/** New level 0 … 255 by old level: the cumulated histogram after the peaks were cut and spread over all levels. */
function equalisingCurve(histogram: Float64Array, clipLimit: number): Float64Array {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return Float64Array.from(histogram, (_, level) => level);
  const limit = Math.max(1, (clipLimit * total) / LEVELS);
  const cut = histogram.map((count) => Math.min(count, limit));
  const spread = (total - cut.reduce((sum, count) => sum + count, 0)) / LEVELS;
  let cumulated = 0;
  return cut.map((count) => ((cumulated += count + spread) * (LEVELS - 1)) / total);
}

/** For each pixel along an axis: the two tiles whose centres it lies between, and the second one's share. */
function blendWeights(size: number): (readonly [first: number, second: number, share: number])[] {
  return Array.from({ length: size }, (_, i) => {
    const position = ((i + 0.5) * GRID) / size - 0.5;
    const first = Math.floor(position);
    return [Math.max(first, 0), Math.min(first + 1, GRID - 1), position - first] as const;
  });
}

function shift(data: Uint8Array, at: number, by: number): void {
  for (let i = at; i < at + 3; i++) data[i] = Math.min(Math.max(data[i]! + by, 0), 255);
}
