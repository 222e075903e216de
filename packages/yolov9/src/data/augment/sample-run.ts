/**
 * The inner loops of bilinear sampling, for pixels whose four neighbours are known to lie in one tile. All arithmetic is in whole numbers:
 * positions in 1/1024 pixel, of which 5 bits of fraction become weights.
 */

import type { Run } from "./monotone-run.js";
import type { Tile } from "./warp.js";

/** Fixed-point bits of a source position, and those of them that remain as interpolation weight. */
const POSITION_BITS = 10;
export const POSITION_ONE = 1 << POSITION_BITS;
export const WEIGHT_BITS = 5;
export const WEIGHT_ONE = 1 << WEIGHT_BITS;
export const WEIGHT_MASK = WEIGHT_ONE - 1;
export const POSITION_TO_WEIGHT = POSITION_BITS - WEIGHT_BITS;
/** Half of 1/32 pixel, which makes the shift round. */
export const ROUND_POSITION = POSITION_ONE / WEIGHT_ONE / 2;
export const VALUE_BITS = 2 * WEIGHT_BITS;
export const ROUND_VALUE = 1 << (VALUE_BITS - 1);

/**
 * For maps without rotation and shear: every row samples the same columns. A source row is interpolated along them once and kept while
 * output rows need it, so that enlarging costs little more than blending two rows.
 */
export class LevelColumns {
  /** By inner column: byte of the left neighbour within a source row, and the right neighbour's weight. */
  readonly #bytes: Int32Array;
  readonly #weights: Uint8Array;
  #upper: Uint16Array;
  #lower: Uint16Array;
  #upperRow = -1;
  #lowerRow = -1;
  #tile: Tile | undefined;
  #from = 0;
  #count = 0;

  /** @param width most columns */
  constructor(width: number) {
    this.#bytes = new Int32Array(width);
    this.#weights = new Uint8Array(width);
    this.#upper = new Uint16Array(width * 3);
    this.#lower = new Uint16Array(width * 3);
  }

  /** Begins a tile. @param inside the output columns whose neighbours are in it */
  start(tile: Tile, stepX: Int32Array, rowX: number, { from, to }: Run): void {
    this.#tile = tile;
    this.#from = from;
    this.#count = to - from;
    this.#upperRow = -1;
    this.#lowerRow = -1;
    for (let x = from; x < to; x++) {
      const position = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
      this.#bytes[x - from] = ((position >> WEIGHT_BITS) - tile.originX) * 3;
      this.#weights[x - from] = position & WEIGHT_MASK;
    }
  }

  /** @param rowY position of the output row on the canvas, rounding included. @param outRow byte of its first pixel */
  drawRow(rowY: number, out: Uint8Array, outRow: number): void {
    const position = rowY >> POSITION_TO_WEIGHT;
    const row = (position >> WEIGHT_BITS) - this.#tile!.originY;
    if (row === this.#lowerRow) {
      [this.#upper, this.#lower] = [this.#lower, this.#upper];
      [this.#upperRow, this.#lowerRow] = [this.#lowerRow, this.#upperRow];
    }
    if (row !== this.#upperRow) this.#interpolate(row, this.#upper);
    if (row + 1 !== this.#lowerRow) this.#interpolate(row + 1, this.#lower);
    this.#upperRow = row;
    this.#lowerRow = row + 1;
    blendRows(this.#upper, this.#lower, position & WEIGHT_MASK, out, outRow + this.#from * 3, this.#count * 3);
  }

  #interpolate(row: number, into: Uint16Array): void {
    const { pixels, width } = this.#tile!;
    const bytes = this.#bytes;
    const weights = this.#weights;
    const start = row * width * 3;
    const count = this.#count;
    for (let x = 0, to = 0; x < count; x++, to += 3) {
      const p = start + bytes[x]!;
      const right = weights[x]!;
      const left = WEIGHT_ONE - right;
      into[to] = pixels[p]! * left + pixels[p + 3]! * right;
      into[to + 1] = pixels[p + 1]! * left + pixels[p + 4]! * right;
      into[to + 2] = pixels[p + 2]! * left + pixels[p + 5]! * right;
    }
  }
}

function blendRows(
  upper: Uint16Array,
  lower: Uint16Array,
  lowerWeight: number,
  out: Uint8Array,
  start: number,
  count: number,
): void {
  const upperWeight = WEIGHT_ONE - lowerWeight;
  for (let i = 0; i < count; i++) {
    out[start + i] = (upper[i]! * upperWeight + lower[i]! * lowerWeight + ROUND_VALUE) >> VALUE_BITS;
  }
}

/** For any affine map. */
export function sampleRun(
  tile: Tile,
  stepX: Int32Array,
  stepY: Int32Array,
  rowX: number,
  rowY: number,
  out: Uint8Array,
  outRow: number,
  { from, to }: Run,
): void {
  const { pixels, originX, originY } = tile;
  const stride = tile.width * 3;
  for (let x = from, to3 = outRow + from * 3; x < to; x++, to3 += 3) {
    const positionX = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
    const positionY = (rowY + stepY[x]!) >> POSITION_TO_WEIGHT;
    const right = positionX & WEIGHT_MASK;
    const lower = positionY & WEIGHT_MASK;
    const upper = WEIGHT_ONE - lower;
    // Weights of the four neighbours, which sum to 1024.
    const a = upper * (WEIGHT_ONE - right);
    const b = upper * right;
    const c = lower * (WEIGHT_ONE - right);
    const d = lower * right;
    const p = ((positionY >> WEIGHT_BITS) - originY) * stride + ((positionX >> WEIGHT_BITS) - originX) * 3;
    const q = p + stride;
    out[to3] = (pixels[p]! * a + pixels[p + 3]! * b + pixels[q]! * c + pixels[q + 3]! * d + ROUND_VALUE) >> VALUE_BITS;
    out[to3 + 1] =
      (pixels[p + 1]! * a + pixels[p + 4]! * b + pixels[q + 1]! * c + pixels[q + 4]! * d + ROUND_VALUE) >> VALUE_BITS;
    out[to3 + 2] =
      (pixels[p + 2]! * a + pixels[p + 5]! * b + pixels[q + 2]! * c + pixels[q + 5]! * d + ROUND_VALUE) >> VALUE_BITS;
  }
}
