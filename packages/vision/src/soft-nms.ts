/**
 * Soft suppression (Bodla et al. 2017): a box that overlaps a better one is not dropped, its score falls. Linear: by the overlap, where that is
 * above a threshold. Gaussian: by a bell curve of the overlap. Boxes come out in the order of their fallen scores.
 */

import { orderedIou, type OrderedBoxes } from "./nms-candidates.js";

export interface SoftOptions {
  readonly decay: "linear" | "gaussian";
  /** Linear: overlaps up to this leave a score as it is. */
  readonly iou: number;
  /** Gaussian: a score falls by exp(-iou² / sigma). */
  readonly sigma: number;
  /** A box whose score falls to this or lower is dropped. */
  readonly confidence: number;
  readonly maxDetections: number;
  readonly agnostic: boolean;
}

export interface Rescored {
  /** Rows that are kept, best first. */
  readonly rows: Int32Array;
  /** [rows] their scores. */
  readonly scores: Float64Array;
}

/**
 * Scores only ever fall. So the candidate that leads may be brought up to date alone: if it still leads, it is the best of all, and if not, it
 * goes back into the heap. Most candidates are never compared with most kept boxes.
 */
export function softNms(boxes: OrderedBoxes, options: SoftOptions): Rescored {
  const { confidence, maxDetections, agnostic } = options;
  const scores = Float64Array.from(boxes.scores);
  /** Kept boxes that a candidate's score has already fallen by. */
  const seen = new Int32Array(boxes.count);
  const heap = new ScoreHeap(scores);
  const kept: number[] = [];
  while (heap.size > 0 && kept.length < maxDetections) {
    const row = heap.top;
    if (seen[row] === kept.length) {
      kept.push(row);
      heap.removeTop();
      continue;
    }
    let score = scores[row]!;
    for (let k = seen[row]!; k < kept.length && score > confidence; k++) {
      const other = kept[k]!;
      if (!agnostic && boxes.classes[other] !== boxes.classes[row]) continue;
      score *= decayOf(orderedIou(boxes, other, row), options);
    }
    seen[row] = kept.length;
    scores[row] = score;
    if (score > confidence) heap.lowerTop();
    else heap.removeTop();
  }
  return { rows: Int32Array.from(kept), scores: Float64Array.from(kept, (row) => scores[row]!) };
}

function decayOf(iou: number, { decay, iou: threshold, sigma }: SoftOptions): number {
  if (decay === "gaussian") return Math.exp((-iou * iou) / sigma);
  return iou > threshold ? 1 - iou : 1;
}

/** Rows with the best score on top; of equal scores the row with the lower number. */
class ScoreHeap {
  readonly #scores: Float64Array;
  readonly #rows: Int32Array;
  size: number;

  /** @param scores falling, so that the rows are a heap as they stand; looked up anew at every change */
  constructor(scores: Float64Array) {
    this.#scores = scores;
    this.#rows = Int32Array.from({ length: scores.length }, (_, row) => row);
    this.size = scores.length;
  }

  get top(): number {
    return this.#rows[0]!;
  }

  removeTop(): void {
    this.#rows[0] = this.#rows[--this.size]!;
    this.lowerTop();
  }

  /** Restores the order after the top's score has fallen. */
  lowerTop(): void {
    const rows = this.#rows;
    const row = rows[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.#leads(rows[child + 1]!, rows[child]!)) child++;
      if (!this.#leads(rows[child]!, row)) break;
      rows[at] = rows[child]!;
      at = child;
    }
    rows[at] = row;
  }

  #leads(a: number, b: number): boolean {
    const difference = this.#scores[a]! - this.#scores[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}
