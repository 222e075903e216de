/**
 * Sampling of a canvas that is never built: a few tiles placed on grey, seen through a map. Equal to drawing the tiles on a canvas and
 * calling OpenCV's warpAffine or warpPerspective with INTER_LINEAR and a constant border: source positions in 1/32 pixel, the four neighbours
 * weighted with integers. For each output row the run of pixels that lie wholly inside a tile is found first and handed to the
 * compiled loops, which test nothing; only the seams take the slow way.
 */

import { LETTERBOX_PAD } from "@yolov9/vision";

import {
  POSITION_ONE,
  POSITION_TO_WEIGHT,
  ROUND_POSITION,
  WEIGHT_BITS,
  WEIGHT_MASK,
  WEIGHT_ONE,
} from "./fixed-point.js";
import { isAffine, isLevel, type Homography } from "./homography.js";
import { firstWhere, intersect, monotoneRun, type Run } from "./monotone-run.js";
import { sampleCanvas, type Tile } from "./tile.js";
import type { Workspace } from "./workspace.js";

/** Part of an output row: pixels from … to, half-open. */
export interface Span extends Run {
  readonly y: number;
}

/** Divisors smaller than this are at or behind the horizon of a perspective map. */
const HORIZON = 1e-6;

/** Positions beyond this many 1/32 pixels are on no canvas, and might not be whole numbers of 32 bits. */
const FARTHEST = 2 ** 28;

/** Draws one image of a workspace. */
export class Warper {
  readonly #workspace: Workspace;
  readonly #width: number;
  readonly #height: number;
  readonly #out: Uint8Array;

  /** @param out interleaved RGB in the workspace's memory, at least width * height * 3 bytes */
  constructor(workspace: Workspace, { width, height }: { width: number; height: number }, out: Uint8Array) {
    this.#workspace = workspace;
    this.#width = width;
    this.#height = height;
    this.#out = out;
  }

  /** @param inverse from output to canvas coordinates (pixel centres at whole numbers) */
  warp(tiles: readonly Tile[], inverse: Homography): void {
    this.#out.fill(LETTERBOX_PAD, 0, this.#width * this.#height * 3);
    if (isLevel(inverse)) {
      this.#prepareSteps(inverse);
      for (const tile of tiles) this.#drawLevelTile(tiles, tile, inverse);
      return;
    }
    const rows = Array.from({ length: this.#height }, (_, y) => ({ y, from: 0, to: this.#width }));
    this.warpSpans(tiles, inverse, rows);
  }

  /** Like `warp`, for parts of rows; what is under no tile stays as it is. */
  warpSpans(tiles: readonly Tile[], inverse: Homography, spans: readonly Span[]): void {
    if (!isAffine(inverse)) {
      for (const span of spans) this.#drawPerspectiveSpan(tiles, inverse, span);
      return;
    }
    this.#prepareSteps(inverse);
    for (const tile of tiles) this.#drawTileSpans(tiles, tile, inverse, spans);
  }

  #prepareSteps([a, , , d]: Homography): void {
    const { stepX, stepY } = this.#workspace;
    for (let x = 0; x < this.#width; x++) {
      stepX[x] = Math.round(a * x * POSITION_ONE);
      stepY[x] = Math.round(d * x * POSITION_ONE);
    }
  }

  get #stepX(): Int32Array {
    return this.#workspace.stepX.subarray(0, this.#width);
  }

  get #stepY(): Int32Array {
    return this.#workspace.stepY.subarray(0, this.#width);
  }

  /**
   * Without rotation and shear a tile covers a rectangle whose rows all sample the same columns. A source row is interpolated along them once
   * and kept while output rows need it, so that enlarging costs little more than blending two rows.
   */
  #drawLevelTile(tiles: readonly Tile[], tile: Tile, [, , c, , e, f]: Homography): void {
    const rowX = Math.round(c * POSITION_ONE) + ROUND_POSITION;
    const rowYOf = (y: number) => Math.round((e * y + f) * POSITION_ONE) + ROUND_POSITION;
    const across = runsOf(this.#stepX, rowX, tile.left, tile.right);
    const down = levelRows(this.#height, rowYOf, tile.top, tile.bottom);
    if (isEmpty(across.touched) || isEmpty(down.touched)) return;
    const inner = isEmpty(across.inside) ? { from: 0, to: 0 } : down.inside;
    for (let y = down.touched.from; y < down.touched.to; y++) {
      if (y >= inner.from && y < inner.to) {
        this.#drawSeam(tiles, rowX, rowYOf(y), y, { from: across.touched.from, to: across.inside.from }, true);
        this.#drawSeam(tiles, rowX, rowYOf(y), y, { from: across.inside.to, to: across.touched.to }, true);
      } else this.#drawSeam(tiles, rowX, rowYOf(y), y, across.touched, true);
    }
    if (!isEmpty(inner)) this.#drawLevelRows(tile, rowX, rowYOf, across.inside, inner);
  }

  #drawLevelRows(tile: Tile, rowX: number, rowYOf: (y: number) => number, columns: Run, rows: Run): void {
    const { kernels, columnBytes, columnWeights, stepX } = this.#workspace;
    const canvasRow = (y: number) => rowYOf(y) >> (POSITION_TO_WEIGHT + WEIGHT_BITS);
    const origin = this.#loadRows(tile, canvasRow(rows.from), canvasRow(rows.to - 1) + 2);
    for (let x = columns.from; x < columns.to; x++) {
      const position = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
      columnBytes[x - columns.from] = (position >> WEIGHT_BITS) * 3;
      columnWeights[x - columns.from] = position & WEIGHT_MASK;
    }
    const count = columns.to - columns.from;
    const interpolate = (row: number, into: number) => {
      const address = origin + row * tile.width * 3;
      kernels.interpolateRow(address, columnBytes.byteOffset, columnWeights.byteOffset, count, into);
    };
    let [upper, lower] = [this.#workspace.rows[0].byteOffset, this.#workspace.rows[1].byteOffset];
    let [upperRow, lowerRow] = [NaN, NaN];
    for (let y = rows.from; y < rows.to; y++) {
      const row = canvasRow(y);
      if (row === lowerRow) [upper, lower, upperRow, lowerRow] = [lower, upper, lowerRow, upperRow];
      if (row !== upperRow) interpolate(row, upper);
      if (row + 1 !== lowerRow) interpolate(row + 1, lower);
      [upperRow, lowerRow] = [row, row + 1];
      const weight = (rowYOf(y) >> POSITION_TO_WEIGHT) & WEIGHT_MASK;
      kernels.blendRows(upper, lower, weight, this.#address(y, columns.from), count * 3);
    }
  }

  #drawTileSpans(tiles: readonly Tile[], tile: Tile, [, b, c, , e, f]: Homography, spans: readonly Span[]): void {
    const { kernels } = this.#workspace;
    const [stepX, stepY] = [this.#stepX, this.#stepY];
    let origin: number | undefined;
    for (const span of spans) {
      const { y } = span;
      const rowX = Math.round((b * y + c) * POSITION_ONE) + ROUND_POSITION;
      const rowY = Math.round((e * y + f) * POSITION_ONE) + ROUND_POSITION;
      const across = runsOf(stepX, rowX, tile.left, tile.right);
      const down = runsOf(stepY, rowY, tile.top, tile.bottom);
      const touched = intersect(span, intersect(across.touched, down.touched));
      if (isEmpty(touched)) continue;
      const { from, to } = intersect(touched, intersect(across.inside, down.inside));
      if (from >= to) {
        this.#drawSeam(tiles, rowX, rowY, y, touched, false);
        continue;
      }
      origin ??= this.#loadRows(tile, tile.top, tile.bottom);
      this.#drawSeam(tiles, rowX, rowY, y, { from: touched.from, to: from }, false);
      const [stepXs, stepYs] = [stepX.byteOffset + from * 4, stepY.byteOffset + from * 4];
      kernels.sampleRun(origin, tile.width * 3, stepXs, stepYs, rowX, rowY, this.#address(y, from), to - from);
      this.#drawSeam(tiles, rowX, rowY, y, { from: to, to: touched.to }, false);
    }
  }

  /** Pixels whose neighbours belong to several tiles or to the grey between them. */
  #drawSeam(tiles: readonly Tile[], rowX: number, rowY: number, y: number, { from, to }: Run, level: boolean): void {
    const { stepX, stepY } = this.#workspace;
    for (let x = from; x < to; x++) {
      const positionX = (rowX + stepX[x]!) >> POSITION_TO_WEIGHT;
      const positionY = (level ? rowY : rowY + stepY[x]!) >> POSITION_TO_WEIGHT;
      sampleCanvas(tiles, positionX, positionY, this.#out, (y * this.#width + x) * 3);
    }
  }

  #drawPerspectiveSpan(tiles: readonly Tile[], inverse: Homography, { y, from, to }: Span): void {
    const [a, b, c, d, e, f, g, h, i] = inverse;
    for (let x = from; x < to; x++) {
      const divisor = g * x + h * y + i;
      if (divisor < HORIZON) continue;
      const positionX = Math.round(((a * x + b * y + c) / divisor) * WEIGHT_ONE);
      const positionY = Math.round(((d * x + e * y + f) / divisor) * WEIGHT_ONE);
      if (Math.abs(positionX) > FARTHEST || Math.abs(positionY) > FARTHEST) continue;
      sampleCanvas(tiles, positionX, positionY, this.#out, (y * this.#width + x) * 3);
    }
  }

  /** Copies rows of a tile into the workspace. @returns the address at which canvas position 0, 0 would be */
  #loadRows({ pixels, width, originX, originY }: Tile, from: number, to: number): number {
    const { source } = this.#workspace;
    const stride = width * 3;
    source.set(pixels.subarray((from - originY) * stride, (to - originY) * stride));
    return source.byteOffset - from * stride - originX * 3;
  }

  #address(y: number, x: number): number {
    return this.#out.byteOffset + (y * this.#width + x) * 3;
  }
}

function isEmpty({ from, to }: Run): boolean {
  return from >= to;
}

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
