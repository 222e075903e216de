/**
 * What became of every detection of a picture: right, or wrong and why, in the terms of TIDE (Bolya et al. 2020). One judgement for error
 * breakdown, calibration and pictures of errors; average precision has a matching of its own, over many thresholds, in coco-matching.ts.
 */

import { boxArea, boxIntersection, boxIou } from "./boxes.js";
import { rowsByScore, type ImageDetections, type ImageTruth } from "./evaluation-input.js";

export const VERDICTS = [
  /** Took an object of its class. */
  "hit",
  /** On an object of its class, but not well enough. */
  "localisation",
  /** Well on an object of another class. */
  "classification",
  /** On an object that a better detection has taken. */
  "duplicate",
  /** On no object. */
  "background",
  /** On an object of another class, and not well enough. */
  "both",
  /** On a crowd: neither right nor wrong. */
  "excused",
] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface VerdictThresholds {
  /** Least IoU of a detection that is well on an object. Default 0.5. */
  readonly foreground?: number;
  /** Least IoU of a detection that is on an object at all. Default 0.1. */
  readonly background?: number;
}

export interface JudgedDetection {
  /** Row of the detection. */
  readonly row: number;
  readonly verdict: Verdict;
  /** The object it took, or that its error is about; -1 where there is none. */
  readonly object: number;
}

/**
 * Judge one picture, boxes x1 y1 x2 y2.
 * @returns one entry a detection, best score first
 */
export function judgeDetections(
  truth: ImageTruth,
  found: ImageDetections,
  { foreground = 0.5, background = 0.1 }: VerdictThresholds = {},
): JudgedDetection[] {
  const taken = new Uint8Array(truth.classes.length);
  return Array.from(rowsByScore(found.scores), (row) => {
    const overlaps = overlapsOf(truth, found, row, taken);
    if (overlaps.free.iou >= foreground) {
      taken[overlaps.free.object] = 1;
      return { row, verdict: "hit", object: overlaps.free.object };
    }
    return { row, ...errorOf(overlaps, foreground, background) };
  });
}

interface Overlap {
  readonly object: number;
  readonly iou: number;
}

interface Overlaps {
  /** The most overlapped objects: of the own class, of those the free ones, and of other classes. */
  readonly own: Overlap;
  readonly free: Overlap;
  readonly other: Overlap;
  /** The largest share of the detection that lies on a crowd of its class. */
  readonly crowd: number;
}

const NOTHING: Overlap = { object: -1, iou: 0 };

function overlapsOf(truth: ImageTruth, found: ImageDetections, row: number, taken: Uint8Array): Overlaps {
  let [own, free, other, crowd] = [NOTHING, NOTHING, NOTHING, 0];
  for (let object = 0; object < truth.classes.length; object++) {
    const same = truth.classes[object] === found.classes[row];
    if (truth.crowd?.[object] === 1) {
      const share = boxIntersection(found.boxes, row, truth.boxes, object) / boxArea(found.boxes, row);
      if (same && share > crowd) crowd = share;
      continue;
    }
    const iou = boxIou(found.boxes, row, truth.boxes, object);
    if (same && iou > own.iou) own = { object, iou };
    if (same && iou > free.iou && taken[object] === 0) free = { object, iou };
    if (!same && iou > other.iou) other = { object, iou };
  }
  return { own, free, other, crowd };
}

/** The first kind of error that fits, in TIDE's order. */
function errorOf(
  { own, other, crowd }: Overlaps,
  foreground: number,
  background: number,
): { verdict: Verdict; object: number } {
  if (crowd >= foreground) return { verdict: "excused", object: -1 };
  if (own.iou >= background && own.iou < foreground) return { verdict: "localisation", object: own.object };
  if (other.iou >= foreground) return { verdict: "classification", object: other.object };
  if (own.iou >= foreground) return { verdict: "duplicate", object: own.object };
  if (other.iou >= background) return { verdict: "both", object: other.object };
  return { verdict: "background", object: -1 };
}
