/**
 * Which classes are taken for which: every object and every detection above a confidence is paired by overlap alone, best pairs first, whatever
 * the classes. What finds no partner stands against the background: a missed object, or a detection of nothing.
 */

import { boxArea, boxIntersection, boxIou } from "./boxes.js";
import { checkEvaluationInput, type ImageDetections, type ImageTruth } from "./evaluation-input.js";

export interface ConfusionOptions {
  readonly classCount: number;
  /** Detections score more than this. Default 0.25. */
  readonly confidence?: number;
  /** Pairs overlap by more than this IoU. Default 0.45. */
  readonly iou?: number;
}

export interface ConfusionMatrix {
  /** Classes and, last, the background. */
  readonly size: number;
  /** [size * size] pairs: row the detected class, column the true one. */
  readonly counts: Uint32Array;
}

/**
 * @param truths one entry a picture, boxes x1 y1 x2 y2, classes 0 … classCount - 1
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function confusionMatrix(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  { classCount, confidence = 0.25, iou = 0.45 }: ConfusionOptions,
): ConfusionMatrix {
  checkEvaluationInput(truths, detections);
  const size = classCount + 1;
  const counts = new Uint32Array(size * size);
  const count = (detected: number, actual: number) => {
    counts[detected * size + actual] = counts[detected * size + actual]! + 1;
  };
  for (const [image, truth] of truths.entries()) {
    const found = detections[image]!;
    const rows = Array.from(found.scores, (_, row) => row).filter((row) => found.scores[row]! > confidence);
    const pairs = bestPairs(truth, found, rows, iou);
    const objectOf = new Map(pairs.map(({ row, object }) => [row, object]));
    const paired = new Set(objectOf.values());
    for (const row of rows) {
      const object = objectOf.get(row);
      if (object !== undefined) count(found.classes[row]!, truth.classes[object]!);
      else if (!isOnCrowd(truth, found, row)) count(found.classes[row]!, classCount);
    }
    for (let g = 0; g < truth.classes.length; g++) {
      if (truth.crowd?.[g] !== 1 && !paired.has(g)) count(classCount, truth.classes[g]!);
    }
  }
  return { size, counts };
}

interface Pair {
  readonly row: number;
  readonly object: number;
  readonly overlap: number;
}

/** Pairs of one detection and one object, the best overlaps first. */
function bestPairs(truth: ImageTruth, found: ImageDetections, rows: readonly number[], iou: number): Pair[] {
  const pairs: Pair[] = [];
  for (const row of rows) {
    for (let object = 0; object < truth.classes.length; object++) {
      if (truth.crowd?.[object] === 1) continue;
      const overlap = boxIou(found.boxes, row, truth.boxes, object);
      if (overlap > iou) pairs.push({ row, object, overlap });
    }
  }
  pairs.sort((a, b) => b.overlap - a.overlap || a.row - b.row || a.object - b.object);
  const rowsTaken = new Set<number>();
  const objectsTaken = new Set<number>();
  return pairs.filter(({ row, object }) => {
    if (rowsTaken.has(row) || objectsTaken.has(object)) return false;
    rowsTaken.add(row);
    objectsTaken.add(object);
    return true;
  });
}

/** Whether half of the detection lies on a crowd of its class. */
function isOnCrowd(truth: ImageTruth, found: ImageDetections, row: number): boolean {
  for (let g = 0; g < truth.classes.length; g++) {
    if (truth.crowd?.[g] !== 1 || truth.classes[g] !== found.classes[row]) continue;
    if (boxIntersection(found.boxes, row, truth.boxes, g) >= 0.5 * boxArea(found.boxes, row)) return true;
  }
  return false;
}
