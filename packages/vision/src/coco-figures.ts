/**
 * The figures that the COCO API prints, from precision and recall by class: twelve for boxes and masks, ten for keypoints. What was matched
 * with what is settled in coco-precision.ts; here are only means.
 */

import { classPrecisions, type AreaRange, type ClassPrecision, type EvaluationSet } from "./coco-precision.js";
import { COCO_IOU_THRESHOLDS, RECALL_POINTS } from "./evaluation-input.js";

/** Average precision and recall, 0 … 1, or -1 where there is no object to find. `AR10`: at most 10 detections a class and picture. */
export interface CocoFigures {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly APs: number;
  readonly APm: number;
  readonly APl: number;
  readonly AR1: number;
  readonly AR10: number;
  readonly AR100: number;
  readonly ARs: number;
  readonly ARm: number;
  readonly ARl: number;
}

/** The same for keypoints: at most 20 detections a picture, and no small objects, since none have points. */
export interface CocoKeypointFigures {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly APm: number;
  readonly APl: number;
  readonly AR: number;
  readonly AR50: number;
  readonly AR75: number;
  readonly ARm: number;
  readonly ARl: number;
}

/** Counted objects: no crowds, and of keypoints none without an annotated point. */
export interface ObjectCounts {
  readonly all: number;
  readonly small: number;
  readonly medium: number;
  readonly large: number;
}

export type CocoClassFigures<Figures = CocoFigures> = Figures & {
  readonly classId: number;
  /** Objects that count. */
  readonly objects: number;
};

export type CocoResult<Figures = CocoFigures> = Figures & {
  readonly objects: ObjectCounts;
  /** Every class that occurs in truth or detections, by ascending number. */
  readonly perClass: readonly CocoClassFigures<Figures>[];
};

/** All, small (up to 32²), medium (up to 96²) and large objects. */
const AREA_RANGES: readonly AreaRange[] = [
  { from: 0, to: 1e10 },
  { from: 0, to: 32 ** 2 },
  { from: 32 ** 2, to: 96 ** 2 },
  { from: 96 ** 2, to: 1e10 },
];
const [ALL, SMALL, MEDIUM, LARGE] = [0, 1, 2, 3] as const;
const [AT_50, AT_75] = [0, 5] as const;

/** How many detections of a class in a picture are looked at. */
const MAX_DETECTIONS = [1, 10, 100] as const;
const MAX_DETECTIONS_KEYPOINTS = [20] as const;

/** The twelve figures of boxes or masks. */
export function cocoResult(set: EvaluationSet): CocoResult {
  return resultOf(set, MAX_DETECTIONS, (classes) => ({
    AP: averagePrecision(classes, ALL),
    AP50: averagePrecision(classes, ALL, AT_50),
    AP75: averagePrecision(classes, ALL, AT_75),
    APs: averagePrecision(classes, SMALL),
    APm: averagePrecision(classes, MEDIUM),
    APl: averagePrecision(classes, LARGE),
    AR1: averageRecall(classes, ALL, 0),
    AR10: averageRecall(classes, ALL, 1),
    AR100: averageRecall(classes, ALL, 2),
    ARs: averageRecall(classes, SMALL, 2),
    ARm: averageRecall(classes, MEDIUM, 2),
    ARl: averageRecall(classes, LARGE, 2),
  }));
}

/** The ten figures of keypoints. */
export function cocoKeypointResult(set: EvaluationSet): CocoResult<CocoKeypointFigures> {
  return resultOf(set, MAX_DETECTIONS_KEYPOINTS, (classes) => ({
    AP: averagePrecision(classes, ALL),
    AP50: averagePrecision(classes, ALL, AT_50),
    AP75: averagePrecision(classes, ALL, AT_75),
    APm: averagePrecision(classes, MEDIUM),
    APl: averagePrecision(classes, LARGE),
    AR: averageRecall(classes, ALL, 0),
    AR50: averageRecall(classes, ALL, 0, AT_50),
    AR75: averageRecall(classes, ALL, 0, AT_75),
    ARm: averageRecall(classes, MEDIUM, 0),
    ARl: averageRecall(classes, LARGE, 0),
  }));
}

function resultOf<Figures extends object>(
  set: EvaluationSet,
  maxDetections: readonly number[],
  figures: (classes: readonly ClassPrecision[]) => Figures,
): CocoResult<Figures> {
  const classes = classPrecisions(set, { thresholds: COCO_IOU_THRESHOLDS, areaRanges: AREA_RANGES, maxDetections });
  const perClass = classes.map((one) => ({ ...figures([one]), classId: one.classId, objects: one.objects[ALL]! }));
  const count = (range: number) => classes.reduce((sum, { objects }) => sum + objects[range]!, 0);
  const objects = { all: count(ALL), small: count(SMALL), medium: count(MEDIUM), large: count(LARGE) };
  return { ...figures(classes), objects, perClass };
}

/** Mean over classes, recalls and thresholds, or at the one threshold COCO_IOU_THRESHOLDS[threshold]. */
function averagePrecision(classes: readonly ClassPrecision[], range: number, threshold?: number): number {
  const rows = classes.map(({ precision }) =>
    threshold === undefined
      ? precision[range]!
      : precision[range]!.subarray(threshold * RECALL_POINTS, (threshold + 1) * RECALL_POINTS),
  );
  return meanOfKnown(rows);
}

function averageRecall(
  classes: readonly ClassPrecision[],
  range: number,
  maxDetections: number,
  threshold?: number,
): number {
  const first = maxDetections * COCO_IOU_THRESHOLDS.length;
  const [from, to] =
    threshold === undefined ? [first, first + COCO_IOU_THRESHOLDS.length] : [first + threshold, first + threshold + 1];
  return meanOfKnown(classes.map(({ recall }) => recall[range]!.subarray(from, to)));
}

function meanOfKnown(rows: readonly Float64Array[]): number {
  let sum = 0;
  let count = 0;
  for (const row of rows) {
    for (const value of row) {
      if (value < 0) continue;
      sum += value;
      count++;
    }
  }
  return count === 0 ? -1 : sum / count;
}
