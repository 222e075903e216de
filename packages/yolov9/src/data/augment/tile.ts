/** A picture lying on a canvas, and looking up single pixels of what lies there. */

import { LETTERBOX_PAD } from "@yolov9/vision";

import { ROUND_VALUE, VALUE_BITS, WEIGHT_BITS, WEIGHT_MASK, WEIGHT_ONE } from "./fixed-point.js";

/** What is outside left … bottom is not seen. */
export interface Tile {
  /** Interleaved RGB. */
  readonly pixels: Uint8Array | Uint8ClampedArray;
  /** Of the picture, in pixels. */
  readonly width: number;
  /** Canvas position of the picture's first pixel; may be negative. */
  readonly originX: number;
  readonly originY: number;
  /** Visible part on the canvas, half-open, within the picture; empty when right <= left or bottom <= top. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * One pixel, interpolated from its four neighbours on the canvas, whichever tile or the grey each belongs to.
 * @param positionX, positionY in 1/32 pixel. @param to byte in `out`
 */
export function sampleCanvas(
  tiles: readonly Tile[],
  positionX: number,
  positionY: number,
  out: Uint8Array,
  to: number,
): void {
  const x = positionX >> WEIGHT_BITS;
  const y = positionY >> WEIGHT_BITS;
  const right = positionX & WEIGHT_MASK;
  const lower = positionY & WEIGHT_MASK;
  let touched = false;
  for (const tile of tiles) {
    if (x + 1 < tile.left || x >= tile.right || y + 1 < tile.top || y >= tile.bottom) continue;
    touched = true;
    if (x < tile.left || x + 1 >= tile.right || y < tile.top || y + 1 >= tile.bottom) continue;
    const { pixels, width } = tile;
    const p = pixelOf(tile, x, y);
    const q = p + width * 3;
    out[to] = blendFour(pixels[p]!, pixels[p + 3]!, pixels[q]!, pixels[q + 3]!, right, lower);
    out[to + 1] = blendFour(pixels[p + 1]!, pixels[p + 4]!, pixels[q + 1]!, pixels[q + 4]!, right, lower);
    out[to + 2] = blendFour(pixels[p + 2]!, pixels[p + 5]!, pixels[q + 2]!, pixels[q + 5]!, right, lower);
    return;
  }
  for (let channel = 0; channel < 3; channel++) {
    out[to + channel] = touched
      ? blendFour(
          canvasValue(tiles, x, y, channel),
          canvasValue(tiles, x + 1, y, channel),
          canvasValue(tiles, x, y + 1, channel),
          canvasValue(tiles, x + 1, y + 1, channel),
          right,
          lower,
        )
      : LETTERBOX_PAD;
  }
}

function isInside({ left, top, right, bottom }: Tile, x: number, y: number): boolean {
  return x >= left && x < right && y >= top && y < bottom;
}

/** First byte of a canvas position in the tile's picture. */
function pixelOf({ originX, originY, width }: Tile, x: number, y: number): number {
  return ((y - originY) * width + x - originX) * 3;
}

function canvasValue(tiles: readonly Tile[], x: number, y: number, channel: number): number {
  for (const tile of tiles) if (isInside(tile, x, y)) return tile.pixels[pixelOf(tile, x, y) + channel]!;
  return LETTERBOX_PAD;
}

/** Upper left, upper right, lower left, lower right. */
function blendFour(a: number, b: number, c: number, d: number, right: number, lower: number): number {
  const upperValue = a * (WEIGHT_ONE - right) + b * right;
  const lowerValue = c * (WEIGHT_ONE - right) + d * right;
  return (upperValue * (WEIGHT_ONE - lower) + lowerValue * lower + ROUND_VALUE) >> VALUE_BITS;
}
