// Compares detections with the digits that were painted: how many were found under their right name. A plain count at one
// confidence for people; average precision is what `yolov9 val` measures.

import { boxIou } from "@yolov9/vision";

export interface LabelledBoxes {
  /** [n * 4] x1 y1 x2 y2 in pixels */
  boxes: Float32Array;
  /** [n] */
  classes: ArrayLike<number>;
}

export interface Count {
  /** Painted digits. */
  digits: number;
  /** Of those, the ones with a detection of the same class that overlaps well. */
  found: number;
  /** Detections that matched no digit. */
  wrong: number;
}

const LEAST_OVERLAP = 0.5;

/** @param detections most certain first; each digit is matched once */
export function countFound(truth: LabelledBoxes, detections: LabelledBoxes): Count {
  const free = new Set(Array.from(truth.classes, (_, digit) => digit));
  let found = 0;
  for (let detection = 0; detection < detections.classes.length; detection++) {
    const match = [...free].find(
      (digit) =>
        truth.classes[digit] === detections.classes[detection] &&
        boxIou(truth.boxes, digit, detections.boxes, detection) >= LEAST_OVERLAP,
    );
    if (match === undefined) continue;
    free.delete(match);
    found++;
  }
  return { digits: truth.classes.length, found, wrong: detections.classes.length - found };
}
