/**
 * Greedy suppression, exact: best first, a box is dropped when one that was kept overlaps it too much. A grid tells which kept boxes can
 * overlap a candidate that much, so that the others are not looked at.
 */

import { orderedIou, type OrderedBoxes } from "./nms-candidates.js";

export interface GreedyOptions {
  /** A box is suppressed by a better one that it overlaps by strictly more than this IoU. */
  readonly iou: number;
  readonly maxDetections: number;
  readonly agnostic: boolean;
}

/** @returns the rows that are kept, best first */
export function greedyNms(boxes: OrderedBoxes, { iou, maxDetections, agnostic }: GreedyOptions): Int32Array {
  const kept = new Int32Array(Math.min(maxDetections, boxes.count));
  const grid = new KeptGrid(boxes, kept.length, iou);
  let count = 0;
  for (let i = 0; i < boxes.count && count < kept.length; i++) {
    if (grid.suppresses(i, agnostic)) continue;
    kept[count++] = i;
    grid.add(i);
  }
  return kept.subarray(0, count);
}

/** Cells along either side of the grid. */
const CELLS = 16;

/** Below this threshold a candidate would have to be probed at so many points that looking at every kept box is no dearer. */
const LEAST_GRID_IOU = 0.2;

/** Makes up for rounding: points are probed a little denser than needed. */
const MARGIN = 0.005;

/**
 * Kept boxes by the cells that they cover. If the IoU of two boxes is above t, then along both axes they share more than the fraction t of
 * either, so that of points spaced less than that across one box at least one lies in the other. Only cells with such points are
 * looked at.
 */
class KeptGrid {
  readonly #boxes: OrderedBoxes;
  readonly #iou: number;
  readonly #cells: number;
  /** Points probed along either side of a candidate. */
  readonly #probes: number;
  readonly #left: number;
  readonly #top: number;
  readonly #scaleX: number;
  readonly #scaleY: number;
  /** [cells²][capacity] rows of kept boxes, and how many there are. */
  readonly #rows: Int32Array;
  readonly #counts: Int32Array;
  readonly #capacity: number;

  constructor(boxes: OrderedBoxes, capacity: number, iou: number) {
    this.#boxes = boxes;
    this.#iou = iou;
    const useful = iou >= LEAST_GRID_IOU;
    this.#cells = useful ? CELLS : 1;
    this.#probes = useful ? Math.ceil(1 / (iou - MARGIN)) - 1 : 1;
    const [left, right] = extent(boxes.left, boxes.right);
    const [top, bottom] = extent(boxes.top, boxes.bottom);
    this.#left = left;
    this.#top = top;
    this.#scaleX = this.#cells / (right - left);
    this.#scaleY = this.#cells / (bottom - top);
    this.#capacity = capacity;
    this.#counts = new Int32Array(this.#cells ** 2);
    this.#rows = new Int32Array(this.#cells ** 2 * capacity);
  }

  add(row: number): void {
    const { left, top, right, bottom } = this.#boxes;
    const [x1, x2] = [this.#column(left[row]!), this.#column(right[row]!)];
    const [y1, y2] = [this.#line(top[row]!), this.#line(bottom[row]!)];
    for (let y = y1; y <= y2; y++) {
      for (let x = x1; x <= x2; x++) {
        const cell = y * this.#cells + x;
        const count = this.#counts[cell]!;
        this.#rows[cell * this.#capacity + count] = row;
        this.#counts[cell] = count + 1;
      }
    }
  }

  suppresses(candidate: number, agnostic: boolean): boolean {
    const { left, top, right, bottom } = this.#boxes;
    const stepX = (right[candidate]! - left[candidate]!) / (this.#probes + 1);
    const stepY = (bottom[candidate]! - top[candidate]!) / (this.#probes + 1);
    let lastLine = -1;
    for (let probeY = 1; probeY <= this.#probes; probeY++) {
      const y = this.#line(top[candidate]! + probeY * stepY);
      if (y === lastLine) continue;
      lastLine = y;
      let lastColumn = -1;
      for (let probeX = 1; probeX <= this.#probes; probeX++) {
        const x = this.#column(left[candidate]! + probeX * stepX);
        if (x === lastColumn) continue;
        lastColumn = x;
        if (this.#cellSuppresses(y * this.#cells + x, candidate, agnostic)) return true;
      }
    }
    return false;
  }

  #cellSuppresses(cell: number, candidate: number, agnostic: boolean): boolean {
    const { classes } = this.#boxes;
    const start = cell * this.#capacity;
    const end = start + this.#counts[cell]!;
    const label = classes[candidate]!;
    for (let k = start; k < end; k++) {
      const row = this.#rows[k]!;
      if (!agnostic && classes[row] !== label) continue;
      if (orderedIou(this.#boxes, row, candidate) > this.#iou) return true;
    }
    return false;
  }

  /** The cell of a coordinate; rises with it, and is 0 for what is no number. */
  #column(x: number): number {
    return clampCell((x - this.#left) * this.#scaleX, this.#cells);
  }

  #line(y: number): number {
    return clampCell((y - this.#top) * this.#scaleY, this.#cells);
  }
}

function clampCell(position: number, cells: number): number {
  if (!(position > 0)) return 0;
  return position >= cells ? cells - 1 : Math.floor(position);
}

/** Least and largest finite coordinate. */
function extent(low: Float32Array, high: Float32Array): [number, number] {
  let [least, largest] = [Infinity, -Infinity];
  for (let i = 0; i < low.length; i++) {
    if (low[i]! < least && low[i]! > -Infinity) least = low[i]!;
    if (high[i]! > largest && high[i]! < Infinity) largest = high[i]!;
  }
  return [least, largest];
}
