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
  const whole = tiles.find((tile) => isInside(tile, x, y) && isInside(tile, x + 1, y + 1));
  const stride = whole ? whole.width * 3 : 0;
  const first = whole ? pixelOf(whole, x, y) : 0;
  for (let channel = 0; channel < 3; channel++) {
    const p = first + channel;
    out[to + channel] = whole
      ? blendFour(
          whole.pixels[p]!,
          whole.pixels[p + 3]!,
          whole.pixels[p + stride]!,
          whole.pixels[p + stride + 3]!,
          right,
          lower,
        )
      : blendFour(
          canvasValue(tiles, x, y, channel),
          canvasValue(tiles, x + 1, y, channel),
          canvasValue(tiles, x, y + 1, channel),
          canvasValue(tiles, x + 1, y + 1, channel),
          right,
          lower,
        );
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
