/**
 * Whether scores mean what they say: of the detections with scores about 0.7, are seven of ten right? Detections are gathered in bins of equal
 * width; the expected calibration error is the mean distance between score and share of hits, weighted by detections.
 */

import { judgeDetections } from "./detection-verdicts.js";
import { checkEvaluationInput, type ImageDetections, type ImageTruth } from "./evaluation-input.js";

export interface CalibrationBin {
  /** Scores from … to. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean score and share of hits, 0 where the bin is empty. */
  readonly score: number;
  readonly precision: number;
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** 0: every score is the share of hits at that score. */
  readonly expectedError: number;
}

export interface CalibrationOptions {
  /** Default 10. */
  readonly bins?: number;
  /** Least IoU of a hit. Default 0.5. */
  readonly iou?: number;
}

/**
 * @param truths one entry a picture, boxes x1 y1 x2 y2
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function calibration(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  { bins: binCount = 10, iou = 0.5 }: CalibrationOptions = {},
): Calibration {
  checkEvaluationInput(truths, detections);
  const counts = new Float64Array(binCount);
  const scores = new Float64Array(binCount);
  const hits = new Float64Array(binCount);
  for (const [image, truth] of truths.entries()) {
    const found = detections[image]!;
    for (const { row, verdict } of judgeDetections(truth, found, { foreground: iou })) {
      if (verdict === "excused") continue;
      const score = found.scores[row]!;
      const bin = Math.min(Math.max(Math.floor(score * binCount), 0), binCount - 1);
      counts[bin] = counts[bin]! + 1;
      scores[bin] = scores[bin]! + score;
      if (verdict === "hit") hits[bin] = hits[bin]! + 1;
    }
  }
  const bins = Array.from(counts, (count, i) => ({
    from: i / binCount,
    to: (i + 1) / binCount,
    count,
    score: count === 0 ? 0 : scores[i]! / count,
    precision: count === 0 ? 0 : hits[i]! / count,
  }));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const distance = bins.reduce((sum, { count, score, precision }) => sum + count * Math.abs(score - precision), 0);
  return { bins, expectedError: total === 0 ? 0 : distance / total };
}
