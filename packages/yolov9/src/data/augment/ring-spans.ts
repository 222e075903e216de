/** Rasterising polygons into runs of pixels: a pixel belongs to a polygon when its centre lies inside (even-odd rule). */

import type { Ring } from "./clip-ring.js";
import type { Span } from "./warp.js";

/**
 * @param rings outlines in pixel edges
 * @returns the pixels inside any of them, cut at width x height, ring by ring and row by row; where rings overlap, pixels come twice
 */
export function ringSpans(rings: readonly Ring[], width: number, height: number): Span[] {
  return rings.flatMap((ring) => spansOf(ring, width, height));
}

function spansOf(ring: Ring, width: number, height: number): Span[] {
  const spans: Span[] = [];
  let [top, bottom] = [height, 0];
  for (let i = 1; i < ring.length; i += 2) {
    top = Math.min(top, Math.floor(ring[i]!));
    bottom = Math.max(bottom, Math.ceil(ring[i]!));
  }
  for (let y = Math.max(top, 0); y < Math.min(bottom, height); y++) {
    const crossings = crossingsAt(ring, y + 0.5).sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(Math.ceil(crossings[i]! - 0.5), 0);
      const to = Math.min(Math.ceil(crossings[i + 1]! - 0.5), width);
      if (from < to) spans.push({ y, from, to });
    }
  }
  return spans;
}

/** Where the outline crosses a height, unsorted. */
function crossingsAt(ring: Ring, y: number): number[] {
  const crossings: number[] = [];
  let lastX = ring[ring.length - 2]!;
  let lastY = ring[ring.length - 1]!;
  for (let i = 0; i < ring.length; i += 2) {
    const x = ring[i]!;
    const nextY = ring[i + 1]!;
    if (lastY <= y !== nextY <= y) crossings.push(lastX + ((y - lastY) / (nextY - lastY)) * (x - lastX));
    [lastX, lastY] = [x, nextY];
  }
  return crossings;
}
