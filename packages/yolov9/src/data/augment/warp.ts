/**
 * Sampling of a canvas that is never built: a few tiles placed on grey, seen through a map. Equal to drawing the tiles on a canvas and
 * calling OpenCV's warpAffine or warpPerspective with INTER_LINEAR and a constant border: source positions in 1/32 pixel, the four neighbours
 * weighted with integers. For each output row the run of pixels that lie wholly inside a tile is found first, so that the inner
 * loops of sample-run.ts test nothing; only the seams take the slow way.
 */

import { LETTERBOX_PAD } from "@yolov9/vision";

import { isAffine, isLevel, type Homography } from "./homography.js";
import { firstWhere, intersect, monotoneRun, type Run } from "./monotone-run.js";
import {
  LevelColumns,
  POSITION_ONE,
  POSITION_TO_WEIGHT,
  ROUND_POSITION,
  ROUND_VALUE,
  sampleRun,
  VALUE_BITS,
  WEIGHT_BITS,
  WEIGHT_MASK,
  WEIGHT_ONE,
} from "./sample-run.js";

/** A picture lying on the canvas; what is outside left … bottom is not seen. */
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

/** Part of an output row: pixels from … to, half-open. */
export interface Span extends Run {
  readonly y: number;
}

/** Divisors smaller than this are at or behind the horizon of a perspective map. */
const HORIZON = 1e-6;

/** Draws images of one size; keeps its scratch memory between calls. */
export class Warper {
  readonly #width: number;
  readonly #height: number;
  /** Source position of each output column relative to the row's, in 1/1024 pixel. */
  readonly #stepX: Int32Array;
  readonly #stepY: Int32Array;
  readonly #columns: LevelColumns;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#stepX = new Int32Array(width);
    this.#stepY = new Int32Array(width);
    this.#columns = new LevelColumns(width);
  }

  /**
   * @param inverse from output to canvas coordinates (pixel centres at whole numbers)
   * @param out receives width * height interleaved RGB pixels
   */
  warp(tiles: readonly Tile[], inverse: Homography, out: Uint8Array): void {
    out.fill(LETTERBOX_PAD, 0, this.#width * this.#height * 3);
    if (isLevel(inverse)) {
      this.#prepareSteps(inverse);
      for (const tile of tiles) this.#drawLevelTile(tiles, tile, inverse, out);
      return;
    }
    const rows = Array.from({ length: this.#height }, (_, y) => ({ y, from: 0, to: this.#width }));
    this.warpSpans(tiles, inverse, rows, out);
  }

  /** Like `warp`, for parts of rows; what is under no tile stays as it is. */
  warpSpans(tiles: readonly Tile[], inverse: Homography, spans: readonly Span[], out: Uint8Array): void {
    if (!isAffine(inverse)) {
      for (const span of spans) this.#drawPerspectiveSpan(tiles, inverse, span, out);
      return;
    }
    this.#prepareSteps(inverse);
    const [, b, c, , e, f] = inverse;
    for (const span of spans) {
      const rowX = Math.round((b * span.y + c) * POSITION_ONE) + ROUND_POSITION;
      const rowY = Math.round((e * span.y + f) * POSITION_ONE) + ROUND_POSITION;
      for (const tile of tiles) this.#drawTileSpan(tiles, tile, rowX, rowY, span, out);
    }
  }

  #prepareSteps([a, , , d]: Homography): void {
    for (let x = 0; x < this.#width; x++) {
      this.#stepX[x] = Math.round(a * x * POSITION_ONE);
      this.#stepY[x] = Math.round(d * x * POSITION_ONE);
    }
  }

  /** Without rotation and shear a tile covers a rectangle, and its inner part is interpolated along rows and columns separately. */
  #drawLevelTile(tiles: readonly Tile[], tile: Tile, inverse: Homography, out: Uint8Array): void {
    const width = this.#width;
    const [, , c, , e, f] = inverse;
    const rowX = Math.round(c * POSITION_ONE) + ROUND_POSITION;
    const rowYOf = (y: number) => Math.round((e * y + f) * POSITION_ONE) + ROUND_POSITION;
    const across = runsOf(this.#stepX, rowX, tile.left, tile.right);
    const down = levelRows(this.#height, rowYOf, tile.top, tile.bottom);
    if (across.touched.from >= across.touched.to) return;
    const bytes = (y: number) => y * width * 3;
    const hasInside = across.inside.from < across.inside.to;
    if (hasInside) this.#columns.start(tile, this.#stepX, rowX, across.inside);
    for (let y = down.touched.from; y < down.touched.to; y++) {
      const rowY = rowYOf(y);
      if (!hasInside || y < down.inside.from || y >= down.inside.to) {
        this.#drawSeam(tiles, rowX, rowY, out, bytes(y), across.touched, true);
        continue;
      }
      this.#drawSeam(tiles, rowX, rowY, out, bytes(y), { from: across.touched.from, to: across.inside.from }, true);
      this.#columns.drawRow(rowY, out, bytes(y));
      this.#drawSeam(tiles, rowX, rowY, out, bytes(y), { from: across.inside.to, to: across.touched.to }, true);
    }
  }

  #drawTileSpan(tiles: readonly Tile[], tile: Tile, rowX: number, rowY: number, span: Span, out: Uint8Array): void {
    const outRow = span.y * this.#width * 3;
    const across = runsOf(this.#stepX, rowX, tile.left, tile.right);
    const down = runsOf(this.#stepY, rowY, tile.top, tile.bottom);
    const touched = intersect(span, intersect(across.touched, down.touched));
    if (touched.from >= touched.to) return;
    const inside = intersect(touched, intersect(across.inside, down.inside));
    if (inside.from >= inside.to) {
      this.#drawSeam(tiles, rowX, rowY, out, outRow, touched, false);
      return;
    }
    this.#drawSeam(tiles, rowX, rowY, out, outRow, { from: touched.from, to: inside.from }, false);
    sampleRun(tile, this.#stepX, this.#stepY, rowX, rowY, out, outRow, inside);
    this.#drawSeam(tiles, rowX, rowY, out, outRow, { from: inside.to, to: touched.to }, false);
  }

  /** Pixels whose neighbours belong to several tiles or to the grey between them. */
  #drawSeam(
    tiles: readonly Tile[],
    rowX: number,
    rowY: number,
    out: Uint8Array,
    outRow: number,
    { from, to }: Run,
    level: boolean,
  ): void {
    for (let x = from; x < to; x++) {
      const positionX = (rowX + this.#stepX[x]!) >> POSITION_TO_WEIGHT;
      const positionY = (level ? rowY : rowY + this.#stepY[x]!) >> POSITION_TO_WEIGHT;
      sampleCanvas(tiles, positionX, positionY, out, outRow + x * 3);
    }
  }

  #drawPerspectiveSpan(tiles: readonly Tile[], inverse: Homography, { y, from, to }: Span, out: Uint8Array): void {
    const [a, b, c, d, e, f, g, h, i] = inverse;
    for (let x = from; x < to; x++) {
      const divisor = g * x + h * y + i;
      if (divisor < HORIZON) continue;
      const positionX = Math.round(((a * x + b * y + c) / divisor) * WEIGHT_ONE);
      const positionY = Math.round(((d * x + e * y + f) / divisor) * WEIGHT_ONE);
      if (Math.abs(positionX) > FARTHEST || Math.abs(positionY) > FARTHEST) continue;
      sampleCanvas(tiles, positionX, positionY, out, (y * this.#width + x) * 3);
    }
  }
}

/** Positions beyond this many 1/32 pixels are on no canvas, and might not be whole numbers of 32 bits. */
const FARTHEST = 2 ** 28;

/** The runs of columns (or rows) of which at least one neighbour, or both, belong to low … high of the canvas. */
function runsOf(steps: Int32Array, start: number, low: number, high: number): { touched: Run; inside: Run } {
  return {
    touched: monotoneRun(steps, (low - 1) * POSITION_ONE - start, high * POSITION_ONE - start),
    inside: monotoneRun(steps, low * POSITION_ONE - start, (high - 1) * POSITION_ONE - start),
  };
}

/** The same for rows, whose positions rise. */
function levelRows(height: number, rowYOf: (y: number) => number, low: number, high: number) {
  const reaching = (position: number) => firstWhere(height, (y) => rowYOf(y) >= position * POSITION_ONE);
  return {
    touched: { from: reaching(low - 1), to: reaching(high) },
    inside: { from: reaching(low), to: reaching(high - 1) },
  };
}

/** One pixel, its neighbours looked up one by one. Fast where all four are in one tile. @param positionX, positionY in 1/32 pixel */
function sampleCanvas(tiles: readonly Tile[], positionX: number, positionY: number, out: Uint8Array, to: number): void {
  const right = positionX & WEIGHT_MASK;
  const lower = positionY & WEIGHT_MASK;
  const x = positionX >> WEIGHT_BITS;
  const y = positionY >> WEIGHT_BITS;
  for (const tile of tiles) {
    if (x < tile.left || x + 1 >= tile.right || y < tile.top || y + 1 >= tile.bottom) continue;
    const p = ((y - tile.originY) * tile.width + x - tile.originX) * 3;
    const q = p + tile.width * 3;
    for (let channel = 0; channel < 3; channel++) {
      out[to + channel] = blendFour(
        tile.pixels[p + channel]!,
        tile.pixels[p + channel + 3]!,
        tile.pixels[q + channel]!,
        tile.pixels[q + channel + 3]!,
        right,
        lower,
      );
    }
    return;
  }
  for (let channel = 0; channel < 3; channel++) {
    out[to + channel] = blendFour(
      canvasValue(tiles, x, y, channel),
      canvasValue(tiles, x + 1, y, channel),
      canvasValue(tiles, x, y + 1, channel),
      canvasValue(tiles, x + 1, y + 1, channel),
      right,
      lower,
    );
  }
}

/** Bilinear in integers: upper left, upper right, lower left, lower right. */
function blendFour(a: number, b: number, c: number, d: number, right: number, lower: number): number {
  const upperValue = a * (WEIGHT_ONE - right) + b * right;
  const lowerValue = c * (WEIGHT_ONE - right) + d * right;
  return (upperValue * (WEIGHT_ONE - lower) + lowerValue * lower + ROUND_VALUE) >> VALUE_BITS;
}

function canvasValue(tiles: readonly Tile[], x: number, y: number, channel: number): number {
  for (const tile of tiles) {
    if (x >= tile.left && x < tile.right && y >= tile.top && y < tile.bottom) {
      return tile.pixels[((y - tile.originY) * tile.width + x - tile.originX) * 3 + channel]!;
    }
  }
  return LETTERBOX_PAD;
}
