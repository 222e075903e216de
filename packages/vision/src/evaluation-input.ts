/**
 * What the evaluators are given: for every picture the objects that are there and the ones that were found, in the picture's own pixels.
 * Plain rows in arrays; a data set's samples and NMS's `Detections` fit as they are. Truth and detections of a picture stand at the same
 * index of their lists.
 */

import type { Rle } from "./rle.js";

/** What is known of a picture's objects besides their shapes. */
export interface ObjectFlags {
  /** [n] class numbers */
  readonly classes: ArrayLike<number>;
  /** [n] 1 where the row is a crowd: it excuses detections on it and never counts as missed. Default none. */
  readonly crowd?: ArrayLike<number> | undefined;
  /** [n] 1 where the row is not counted for another reason; it excuses one detection. Default the crowds. */
  readonly ignored?: ArrayLike<number> | undefined;
  /** [n] 1 where the row counts but earns its detection nothing: a quirk of COCO's API, see coco-json.ts's `annotationsNumberedZero`. Default none. */
  readonly uncredited?: ArrayLike<number> | undefined;
  /** [n] areas in square pixels, which decide between small, medium and large. Default: of the shapes. */
  readonly areas?: ArrayLike<number> | undefined;
}

/** Objects of one picture as boxes. */
export interface ImageTruth extends ObjectFlags {
  /** [n*4] x1 y1 x2 y2 (or x y w h where an evaluator is told so) */
  readonly boxes: ArrayLike<number>;
}

/** Objects of one picture as masks. */
export interface MaskTruth extends ObjectFlags {
  /** [n] */
  readonly masks: readonly Rle[];
}

/** Objects of one picture as keypoints. */
export interface KeypointTruth extends ObjectFlags {
  /** [n*4] x y w h */
  readonly boxes: ArrayLike<number>;
  /** [n] of [k*3]: x, y and visibility (0 not annotated, 1 hidden, 2 visible) of each point */
  readonly keypoints: readonly ArrayLike<number>[];
}

interface Found {
  /** [n] */
  readonly scores: ArrayLike<number>;
  readonly classes: ArrayLike<number>;
  /** [n] areas in square pixels. Default: of the shapes. */
  readonly areas?: ArrayLike<number> | undefined;
}

/** Detections of one picture, in any order. */
export interface ImageDetections extends Found {
  /** [n*4] in the same format as the truth's */
  readonly boxes: ArrayLike<number>;
}

export interface MaskDetections extends Found {
  /** [n] */
  readonly masks: readonly Rle[];
}

export interface KeypointDetections extends Found {
  /** [n] of [k*3]: x, y and anything */
  readonly keypoints: readonly ArrayLike<number>[];
}

/** The ten overlaps 0.50, 0.55 … 0.95 over which COCO averages, in the doubles in which its own evaluator has them. */
export const COCO_IOU_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) =>
  i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9),
);

/** Number of recalls 0, 0.01 … 1 at which precision is sampled. */
export const RECALL_POINTS = 101;

interface Shapes {
  readonly boxes?: ArrayLike<number>;
  readonly masks?: readonly Rle[];
  readonly keypoints?: readonly ArrayLike<number>[];
}

/** @throws RangeError when the two lists, or the arrays of a picture, do not belong together */
export function checkEvaluationInput(
  truths: readonly (ObjectFlags & Shapes)[],
  detections: readonly (Found & Shapes)[],
): void {
  if (truths.length !== detections.length) {
    throw new RangeError(
      `truth of ${truths.length} pictures but detections of ${detections.length}; give one entry a picture`,
    );
  }
  for (const [image, truth] of truths.entries()) {
    const { classes, crowd, ignored, uncredited, areas } = truth;
    const n = classes.length;
    const flags = [crowd, ignored, uncredited, areas].every((values) => (values ?? classes).length === n);
    if (!flags || !shapesFit(truth, n)) {
      throw new RangeError(
        `truth of picture ${image}: ${n} classes need ${shapesNeeded(truth, n)}, ${n} flags and areas`,
      );
    }
  }
  for (const [image, found] of detections.entries()) {
    const n = found.scores.length;
    if (found.classes.length !== n || (found.areas ?? found.scores).length !== n || !shapesFit(found, n)) {
      throw new RangeError(
        `detections of picture ${image}: ${n} scores need ${shapesNeeded(found, n)} and ${n} classes`,
      );
    }
  }
}

function shapesFit({ boxes, masks, keypoints }: Shapes, n: number): boolean {
  return (boxes?.length ?? n * 4) === n * 4 && (masks?.length ?? n) === n && (keypoints?.length ?? n) === n;
}

function shapesNeeded({ masks, keypoints }: Shapes, n: number): string {
  if (masks !== undefined) return `${n} masks`;
  return keypoints === undefined ? `${n * 4} box numbers` : `${n} lists of keypoints`;
}

/** Objects of each class that has any, those left out for which `isExcused`. */
export function countObjects(
  truths: readonly ImageTruth[],
  isExcused: (truth: ImageTruth, row: number) => boolean,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const truth of truths) {
    for (let row = 0; row < truth.classes.length; row++) {
      const classId = truth.classes[row]!;
      if (!isExcused(truth, row)) counts.set(classId, (counts.get(classId) ?? 0) + 1);
    }
  }
  return counts;
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
