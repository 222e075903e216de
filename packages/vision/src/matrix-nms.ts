/**
 * Matrix suppression (Wang et al. 2020, SOLOv2): every score falls at once by the worst overlap with a better box, less the more that box is
 * itself overlapped. No box waits for another, so that all overlaps can be computed side by side.
 */

import { orderedIou, type OrderedBoxes } from "./nms-candidates.js";
import type { Rescored } from "./soft-nms.js";

export interface MatrixOptions {
  /** A score falls by exp(-(iou² - compensation²) / sigma). */
  readonly sigma: number;
  /** A box whose score falls to this or lower is dropped. */
  readonly confidence: number;
  readonly maxDetections: number;
  readonly agnostic: boolean;
}

/**
 * All pairs are compared, so that only this many of the best candidates take part; the published setting is 500.
 */
export const MATRIX_CANDIDATES = 2000;

export function matrixNms(
  boxes: OrderedBoxes,
  { sigma, confidence, maxDetections, agnostic }: MatrixOptions,
): Rescored {
  const count = Math.min(boxes.count, MATRIX_CANDIDATES);
  const { classes } = boxes;
  const scores = new Float64Array(count);
  /** The largest overlap of each box with a better one. */
  const compensation = new Float64Array(count);
  for (let j = 0; j < count; j++) {
    // The exponent is least where iou² - compensation² is largest.
    let worst = 0;
    for (let i = 0; i < j; i++) {
      if (!agnostic && classes[i] !== classes[j]) continue;
      const iou = orderedIou(boxes, i, j);
      if (iou > compensation[j]!) compensation[j] = iou;
      worst = Math.max(worst, iou * iou - compensation[i]! * compensation[i]!);
    }
    scores[j] = boxes.scores[j]! * Math.exp(-worst / sigma);
  }
  const kept = Array.from({ length: count }, (_, row) => row)
    .filter((row) => scores[row]! > confidence)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, maxDetections);
  return { rows: Int32Array.from(kept), scores: Float64Array.from(kept, (row) => scores[row]!) };
}
