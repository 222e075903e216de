/**
 * What the evaluators are given: for every picture the objects that are there and the ones that were found, in the picture's own pixels.
 * Plain rows in arrays; a data set's samples and NMS's `Detections` fit as they are. Truth and detections of a picture stand at the same
 * index of their lists.
 */

/** Objects of one picture. */
export interface ImageTruth {
  /** [n*4] x1 y1 x2 y2 (or x y w h where an evaluator is told so) */
  readonly boxes: ArrayLike<number>;
  /** [n] class numbers */
  readonly classes: ArrayLike<number>;
  /** [n] 1 where the row is a crowd: it excuses detections on it and never counts as missed. Default none. */
  readonly crowd?: ArrayLike<number> | undefined;
  /** [n] areas in square pixels, which decide between small, medium and large. Default: of the boxes. */
  readonly areas?: ArrayLike<number> | undefined;
}

/** Detections of one picture, in any order. */
export interface ImageDetections {
  /** [n*4] in the same format as the truth's */
  readonly boxes: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  readonly classes: ArrayLike<number>;
}

/** The ten overlaps 0.50, 0.55 … 0.95 over which COCO averages, in the doubles in which its own evaluator has them. */
export const COCO_IOU_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) =>
  i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9),
);

/** @throws RangeError when the two lists, or the arrays of a picture, do not belong together */
export function checkEvaluationInput(truths: readonly ImageTruth[], detections: readonly ImageDetections[]): void {
  if (truths.length !== detections.length) {
    throw new RangeError(
      `truth of ${truths.length} pictures but detections of ${detections.length}; give one entry a picture`,
    );
  }
  for (const [image, { boxes, classes, crowd, areas }] of truths.entries()) {
    const n = classes.length;
    if (boxes.length !== n * 4 || (crowd ?? classes).length !== n || (areas ?? classes).length !== n) {
      throw new RangeError(
        `truth of picture ${image}: ${n} classes need ${n * 4} box numbers, ${n} crowd flags and areas`,
      );
    }
  }
  for (const [image, { boxes, classes, scores }] of detections.entries()) {
    const n = scores.length;
    if (boxes.length !== n * 4 || classes.length !== n) {
      throw new RangeError(`detections of picture ${image}: ${n} scores need ${n * 4} box numbers and ${n} classes`);
    }
  }
}

/** Row numbers by score, best first; equal scores keep their order. */
export function rowsByScore(scores: ArrayLike<number>): Int32Array {
  const rows = new Int32Array(scores.length);
  let sorted = true;
  for (let row = 0; row < rows.length; row++) {
    rows[row] = row;
    if (row > 0 && scores[row]! > scores[row - 1]!) sorted = false;
  }
  // NMS gives sorted scores, and sorting those again would be much of an evaluation's time.
  return sorted ? rows : rows.sort((a, b) => scores[b]! - scores[a]! || a - b);
}
