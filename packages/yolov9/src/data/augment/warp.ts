/**
 * Sampling of a canvas that is never built: a few tiles placed on grey, seen through an affine map. Equal to drawing the tiles on a canvas
 * and calling OpenCV's warpAffine with INTER_LINEAR and a constant border: source positions in 1/32 pixel from 10-bit fixed point, the four
 * neighbours weighted with integers. For each output row the run of pixels that lie wholly inside a tile is found first, so that
 * the inner loops test nothing; only the seams take the slow way.
 */

import { LETTERBOX_PAD } from "@yolov9/vision";

import type { Affine } from "./affine.js";

/** A picture lying on the canvas; what is outside left … bottom is not seen. */
export interface Tile {
  /** Interleaved RGB. */
  readonly pixels: Uint8Array | Uint8ClampedArray;
  /** Of the picture, in pixels. */
  readonly width: number;
  /** Canvas position of the picture's first pixel; may be negative. */
  readonly originX: number;
  readonly originY: number;
  /** Visible part on the canvas, half-open, within the picture. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Fixed-point bits of a source position, and those of them that remain as interpolation weight. */
const POSITION_BITS = 10;
const POSITION_ONE = 1 << POSITION_BITS;
const WEIGHT_BITS = 5;
const WEIGHT_ONE = 1 << WEIGHT_BITS;
const WEIGHT_MASK = WEIGHT_ONE - 1;
const POSITION_TO_WEIGHT = POSITION_BITS - WEIGHT_BITS;
/** Half of 1/32 pixel, which makes the shift round. */
const ROUND_POSITION = POSITION_ONE / WEIGHT_ONE / 2;
const VALUE_BITS = 2 * WEIGHT_BITS;
const ROUND_VALUE = 1 << (VALUE_BITS - 1);

/** Draws canvases of one output size; keeps its scratch memory between calls. */
export class Warper {
  readonly size: number;
  /** Source position of each output column relative to the row's, in 1/1024 pixel. */
  readonly #stepX: Int32Array;
  readonly #stepY: Int32Array;

  constructor(size: number) {
    this.size = size;
    this.#stepX = new Int32Array(size);
    this.#stepY = new Int32Array(size);
  }

  /**
   * @param inverse from output to canvas coordinates (pixel centres at whole numbers)
   * @param out receives size * size interleaved RGB pixels
   */
  warp(tiles: readonly Tile[], inverse: Affine, out: Uint8Array): void {
    const { size } = this;
    const [a, b, c, d, e, f] = inverse;
    const stepX = this.#stepX;
    const stepY = this.#stepY;
    for (let x = 0; x < size; x++) {
      stepX[x] = Math.round(a * x * POSITION_ONE);
      stepY[x] = Math.round(d * x * POSITION_ONE);
    }
    out.fill(LETTERBOX_PAD);
    for (let y = 0; y < size; y++) {
      const rowX = Math.round((b * y + c) * POSITION_ONE) + ROUND_POSITION;
      const rowY = Math.round((e * y + f) * POSITION_ONE) + ROUND_POSITION;
      for (const tile of tiles) this.#drawTileRow(tiles, tile, rowX, rowY, out, y * size * 3);
    }
  }

  #drawTileRow(tiles: readonly Tile[], tile: Tile, rowX: number, rowY: number, out: Uint8Array, outRow: number): void {
    const stepX = this.#stepX;
    const stepY = this.#stepY;
    // Touched: at least one of the four neighbours belongs to the tile. Inside: all four do.
    const touched = intersect(
      monotoneRun(stepX, (tile.left - 1) * POSITION_ONE - rowX, tile.right * POSITION_ONE - rowX),
      monotoneRun(stepY, (tile.top - 1) * POSITION_ONE - rowY, tile.bottom * POSITION_ONE - rowY),
    );
    if (touched.from >= touched.to) return;
    const inside = intersect(
      monotoneRun(stepX, tile.left * POSITION_ONE - rowX, (tile.right - 1) * POSITION_ONE - rowX),
      monotoneRun(stepY, tile.top * POSITION_ONE - rowY, (tile.bottom - 1) * POSITION_ONE - rowY),
    );
    if (inside.from >= inside.to) {
      this.#sampleSeam(tiles, rowX, rowY, out, outRow, touched.from, touched.to);
      return;
    }
    this.#sampleSeam(tiles, rowX, rowY, out, outRow, touched.from, inside.from);
    if (stepY[this.size - 1] === 0) sampleLevelRun(tile, stepX, rowX, rowY, out, outRow, inside.from, inside.to);
    else sampleRun(tile, stepX, stepY, rowX, rowY, out, outRow, inside.from, inside.to);
    this.#sampleSeam(tiles, rowX, rowY, out, outRow, inside.to, touched.to);
  }

  /** Pixels whose neighbours belong to several tiles or to the grey between them. */
  #sampleSeam(
    tiles: readonly Tile[],
    rowX: number,
    rowY: number,
    out: Uint8Array,
    outRow: number,
    from: number,
    to: number,
  ): void {
    for (let x = from; x < to; x++) {
      const positionX = (rowX + this.#stepX[x]!) >> POSITION_TO_WEIGHT;
      const positionY = (rowY + this.#stepY[x]!) >> POSITION_TO_WEIGHT;
      const right = positionX & WEIGHT_MASK;
      const lower = positionY & WEIGHT_MASK;
      const canvasX = positionX >> WEIGHT_BITS;
      const canvasY = positionY >> WEIGHT_BITS;
      for (let channel = 0; channel < 3; channel++) {
        const upperValue =
          canvasValue(tiles, canvasX, canvasY, channel) * (WEIGHT_ONE - right) +
          canvasValue(tiles, canvasX + 1, canvasY, channel) * right;
        const lowerValue =
          canvasValue(tiles, canvasX, canvasY + 1, channel) * (WEIGHT_ONE - right) +
          canvasValue(tiles, canvasX + 1, canvasY + 1, channel) * right;
        out[outRow + x * 3 + channel] =
          (upperValue * (WEIGHT_ONE - lower) + lowerValue * lower + ROUND_VALUE) >> VALUE_BITS;
      }
    }
  }
}

function canvasValue(tiles: readonly Tile[], x: number, y: number, channel: number): number {
  for (const tile of tiles) {
    if (x >= tile.left && x < tile.right && y >= tile.top && y < tile.bottom) {
      return tile.pixels[((y - tile.originY) * tile.width + x - tile.originX) * 3 + channel]!;
    }
  }
  return LETTERBOX_PAD;
}

/** Half-open run of output columns. */
interface Run {
  readonly from: number;
  readonly to: number;
}

function intersect(a: Run, b: Run): Run {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/** The run of indices i with low <= values[i] < high, where values only rise or only fall. */
function monotoneRun(values: Int32Array, low: number, high: number): Run {
  const rising = values[values.length - 1]! >= values[0]!;
  if (rising) return { from: firstWhere(values, (v) => v >= low), to: firstWhere(values, (v) => v >= high) };
  return { from: firstWhere(values, (v) => v < high), to: firstWhere(values, (v) => v < low) };
}

function firstWhere(values: Int32Array, holds: (value: number) => boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Inner loop for maps without rotation and shear: the row stays on one pair of source rows. */
function sampleLevelRun(
  tile: Tile,
  stepX: Int32Array,
  rowX: number,
  rowY: number,
  out: Uint8Array,
  outRow: number,
  from: number,
  to: number,
): void {
  const { pixels } = tile;
  const positionY = rowY >> POSITION_TO_WEIGHT;
  const lower = positionY & WEIGHT_MASK;
  const upper = WEIGHT_ONE - lower;
  const upperRow = ((positionY >> WEIGHT_BITS) - tile.originY) * tile.width * 3 - tile.originX * 3;
  const stride = tile.width * 3;
  for (let x = from, to3 = outRow + from * 3; x < to; x++, to3 += 3) {
    const positionX = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
    const right = positionX & WEIGHT_MASK;
    const left = WEIGHT_ONE - right;
    const p = upperRow + (positionX >> WEIGHT_BITS) * 3;
    const q = p + stride;
    out[to3] =
      ((pixels[p]! * left + pixels[p + 3]! * right) * upper +
        (pixels[q]! * left + pixels[q + 3]! * right) * lower +
        ROUND_VALUE) >>
      VALUE_BITS;
    out[to3 + 1] =
      ((pixels[p + 1]! * left + pixels[p + 4]! * right) * upper +
        (pixels[q + 1]! * left + pixels[q + 4]! * right) * lower +
        ROUND_VALUE) >>
      VALUE_BITS;
    out[to3 + 2] =
      ((pixels[p + 2]! * left + pixels[p + 5]! * right) * upper +
        (pixels[q + 2]! * left + pixels[q + 5]! * right) * lower +
        ROUND_VALUE) >>
      VALUE_BITS;
  }
}

/** Inner loop for any map. */
function sampleRun(
  tile: Tile,
  stepX: Int32Array,
  stepY: Int32Array,
  rowX: number,
  rowY: number,
  out: Uint8Array,
  outRow: number,
  from: number,
  to: number,
): void {
  const { pixels, originX, originY } = tile;
  const stride = tile.width * 3;
  for (let x = from, to3 = outRow + from * 3; x < to; x++, to3 += 3) {
    const positionX = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
    const positionY = (rowY + stepY[x]!) >> POSITION_TO_WEIGHT;
    const right = positionX & WEIGHT_MASK;
    const left = WEIGHT_ONE - right;
    const lower = positionY & WEIGHT_MASK;
    const upper = WEIGHT_ONE - lower;
    const p = ((positionY >> WEIGHT_BITS) - originY) * stride + ((positionX >> WEIGHT_BITS) - originX) * 3;
    const q = p + stride;
    for (let channel = 0; channel < 3; channel++) {
      out[to3 + channel] =
        ((pixels[p + channel]! * left + pixels[p + channel + 3]! * right) * upper +
          (pixels[q + channel]! * left + pixels[q + channel + 3]! * right) * lower +
          ROUND_VALUE) >>
        VALUE_BITS;
    }
  }
}
