/**
 * COCO's twelve figures for boxes, equal to those of the original COCO API. It compares numbers only: reading files is the caller's.
 * For precision, recall and F1 at one confidence, as shown during training, see detection-metrics.ts.
 */

import { classPrecisions, RECALL_POINTS, type ClassPrecision, type EvaluationSet } from "./coco-precision.js";
import {
  checkEvaluationInput,
  COCO_IOU_THRESHOLDS,
  type ImageDetections,
  type ImageTruth,
} from "./evaluation-input.js";

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

export interface CocoClassFigures extends CocoFigures {
  readonly classId: number;
  /** Objects that count: no crowds. */
  readonly objects: number;
}

export interface CocoResult extends CocoFigures {
  /** Every class that occurs in truth or detections, by ascending number. */
  readonly perClass: readonly CocoClassFigures[];
}

export interface EvaluateBoxesOptions {
  /** `xyxy` corners (default) or COCO's own `xywh`, whose arithmetic is then reproduced to the last bit. */
  readonly boxFormat?: "xyxy" | "xywh";
}

/** All, small (up to 32²), medium (up to 96²) and large objects. */
const AREA_RANGES = [
  { from: 0, to: 1e10 },
  { from: 0, to: 32 ** 2 },
  { from: 32 ** 2, to: 96 ** 2 },
  { from: 96 ** 2, to: 1e10 },
] as const;
const [ALL, SMALL, MEDIUM, LARGE] = [0, 1, 2, 3] as const;

const MAX_DETECTIONS = [1, 10, 100] as const;

/**
 * Evaluate detected boxes.
 * @param truths one entry a picture, boxes in its own pixels
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function evaluateBoxes(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  { boxFormat = "xyxy" }: EvaluateBoxesOptions = {},
): CocoResult {
  checkEvaluationInput(truths, detections);
  const classes = classPrecisions(boxSet(truths, detections, boxFormat), {
    thresholds: COCO_IOU_THRESHOLDS,
    areaRanges: AREA_RANGES,
    maxDetections: MAX_DETECTIONS,
  });
  const perClass = classes.map((one) => ({ classId: one.classId, objects: one.objects[ALL]!, ...figures([one]) }));
  return { ...figures(classes), perClass };
}

function figures(classes: readonly ClassPrecision[]): CocoFigures {
  return {
    AP: averagePrecision(classes, ALL),
    AP50: averagePrecision(classes, ALL, 0),
    AP75: averagePrecision(classes, ALL, 5),
    APs: averagePrecision(classes, SMALL),
    APm: averagePrecision(classes, MEDIUM),
    APl: averagePrecision(classes, LARGE),
    AR1: averageRecall(classes, ALL, 0),
    AR10: averageRecall(classes, ALL, 1),
    AR100: averageRecall(classes, ALL, 2),
    ARs: averageRecall(classes, SMALL, 2),
    ARm: averageRecall(classes, MEDIUM, 2),
    ARl: averageRecall(classes, LARGE, 2),
  };
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

function averageRecall(classes: readonly ClassPrecision[], range: number, maxDetections: number): number {
  const from = maxDetections * COCO_IOU_THRESHOLDS.length;
  return meanOfKnown(classes.map(({ recall }) => recall[range]!.subarray(from, from + COCO_IOU_THRESHOLDS.length)));
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

function boxSet(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  boxFormat: "xyxy" | "xywh",
): EvaluationSet {
  const toXywh = (boxes: ArrayLike<number>) => (boxFormat === "xywh" ? boxes : xywhFromXyxy(boxes));
  const truthBoxes = truths.map(({ boxes }) => toXywh(boxes));
  const detectionBoxes = detections.map(({ boxes }) => toXywh(boxes));
  const images = truths.map((truth, i) => {
    const crowd = truth.crowd ?? new Uint8Array(truth.classes.length);
    return {
      truthClasses: truth.classes,
      truthAreas: truth.areas ?? areasOf(truthBoxes[i]!),
      truthCrowd: crowd,
      truthIgnored: crowd,
      detectionClasses: detections[i]!.classes,
      detectionAreas: areasOf(detectionBoxes[i]!),
      detectionScores: detections[i]!.scores,
    };
  });
  return {
    images,
    similarity(image, detectionRows, truthRows, out) {
      const { truthCrowd } = images[image]!;
      let to = 0;
      for (const d of detectionRows) {
        for (const g of truthRows) {
          out[to++] = cocoBoxIou(detectionBoxes[image]!, d, truthBoxes[image]!, g, truthCrowd[g] === 1);
        }
      }
    },
  };
}

function xywhFromXyxy(boxes: ArrayLike<number>): Float64Array {
  const xywh = new Float64Array(boxes.length);
  for (let i = 0; i < boxes.length; i++) xywh[i] = i % 4 < 2 ? boxes[i]! : boxes[i]! - boxes[i - 2]!;
  return xywh;
}

function areasOf(xywh: ArrayLike<number>): Float64Array {
  const areas = new Float64Array(xywh.length >> 2);
  for (let i = 0; i < areas.length; i++) areas[i] = xywh[i * 4 + 2]! * xywh[i * 4 + 3]!;
  return areas;
}

/** IoU of boxes x y w h; against a crowd, the share of the detection that lies on it. */
function cocoBoxIou(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, crowd: boolean): number {
  const ax = a[i * 4]!;
  const ay = a[i * 4 + 1]!;
  const aw = a[i * 4 + 2]!;
  const ah = a[i * 4 + 3]!;
  const bx = b[j * 4]!;
  const by = b[j * 4 + 1]!;
  const bw = b[j * 4 + 2]!;
  const bh = b[j * 4 + 3]!;
  const width = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  if (width <= 0) return 0;
  const height = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  if (height <= 0) return 0;
  const intersection = width * height;
  return intersection / (crowd ? aw * ah : aw * ah + bw * bh - intersection);
}
