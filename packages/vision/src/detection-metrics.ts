/**
 * The figures shown while a model trains: precision, recall and F1 at the confidence of the best mean F1, and average precision.
 * Differs from coco-evaluator.ts in matching (a detection only ever tries the object it overlaps most) and in AP (area under the
 * interpolated curve); crowds are left out, as in label files, which have none. For published numbers use the COCO evaluator.
 */

import { boxIou } from "./boxes.js";
import {
  checkEvaluationInput,
  COCO_IOU_THRESHOLDS,
  RECALL_POINTS,
  rowsByScore,
  type ImageDetections,
  type ImageTruth,
} from "./evaluation-input.js";

export interface DetectionFigures {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Average precision at IoU 0.5. */
  readonly AP50: number;
  /** Average precision over IoU 0.50, 0.55 … 0.95. */
  readonly AP: number;
}

/** Curves of one class at IoU 0.5. */
export interface DetectionCurves {
  /** [1000] by confidence 0 … 1 */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly f1: Float64Array;
  /** [101] best precision at or beyond each recall 0, 0.01 … 1 */
  readonly precisionByRecall: Float64Array;
}

export interface ClassDetectionFigures extends DetectionFigures {
  readonly classId: number;
  readonly objects: number;
  readonly curves: DetectionCurves;
}

export interface DetectionMetrics extends DetectionFigures {
  /** The confidence at which precision, recall and F1 are given. */
  readonly confidence: number;
  readonly objects: number;
  /** Classes that have objects, by ascending number; the figures above are their means. */
  readonly perClass: readonly ClassDetectionFigures[];
}

/** Confidences 0 … 1 at which precision and recall are sampled. */
const CONFIDENCE_POINTS = 1000;
/** Width of the box filter that smooths F1, in confidence points: a tenth of them to either side. */
const SMOOTHING_POINTS = 101;

/**
 * Measure detections, boxes x1 y1 x2 y2.
 * @param truths one entry a picture
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function detectionMetrics(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
): DetectionMetrics {
  checkEvaluationInput(truths, detections);
  const classes = [...collectClasses(truths, detections)]
    .filter(([, { objects }]) => objects > 0)
    .sort(([a], [b]) => a - b)
    .map(([classId, collected]) => ({ classId, objects: collected.objects, ...classCurves(collected) }));
  const best = bestConfidencePoint(classes.map(({ f1 }) => f1));
  const perClass = classes.map(({ classId, objects, averagePrecisions, ...curves }) => ({
    classId,
    objects,
    curves,
    precision: curves.precision[best]!,
    recall: curves.recall[best]!,
    f1: curves.f1[best]!,
    AP50: averagePrecisions[0]!,
    AP: mean([...averagePrecisions]),
  }));
  return {
    precision: mean(perClass.map(({ precision }) => precision)),
    recall: mean(perClass.map(({ recall }) => recall)),
    f1: mean(perClass.map(({ f1 }) => f1)),
    AP50: mean(perClass.map(({ AP50 }) => AP50)),
    AP: mean(perClass.map(({ AP }) => AP)),
    confidence: best / (CONFIDENCE_POINTS - 1),
    objects: perClass.reduce((sum, { objects }) => sum + objects, 0),
    perClass,
  };
}

/** What one class gathers over all pictures. */
interface CollectedClass {
  objects: number;
  readonly scores: number[];
  /** For each detection, bit t is set where it is a true positive at threshold t. */
  readonly hits: number[];
}

function collectClasses(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
): Map<number, CollectedClass> {
  const classes = new Map<number, CollectedClass>();
  const classOf = (classId: number): CollectedClass => {
    let collected = classes.get(classId);
    if (collected === undefined) classes.set(classId, (collected = { objects: 0, scores: [], hits: [] }));
    return collected;
  };
  for (const [image, truth] of truths.entries()) {
    for (let g = 0; g < truth.classes.length; g++) {
      if (truth.crowd?.[g] !== 1) classOf(truth.classes[g]!).objects++;
    }
    const found = detections[image]!;
    const taken = new Uint16Array(truth.classes.length);
    for (const d of rowsByScore(found.scores)) {
      const collected = classOf(found.classes[d]!);
      collected.scores.push(found.scores[d]!);
      collected.hits.push(takeObject(truth, found, d, taken));
    }
  }
  return classes;
}

/**
 * At which thresholds the detection takes the object of its class that it overlaps most, no better detection having taken it there.
 * @param taken for each object the thresholds at which it is taken, as bits; added to
 * @returns thresholds as bits
 */
function takeObject(truth: ImageTruth, found: ImageDetections, d: number, taken: Uint16Array): number {
  let object = -1;
  let overlap = 0;
  for (let g = 0; g < truth.classes.length; g++) {
    if (truth.classes[g] !== found.classes[d] || truth.crowd?.[g] === 1) continue;
    const iou = boxIou(found.boxes, d, truth.boxes, g);
    if (iou <= overlap) continue;
    overlap = iou;
    object = g;
  }
  if (object < 0) return 0;
  let passed = 0;
  for (const [t, threshold] of COCO_IOU_THRESHOLDS.entries()) if (overlap >= threshold) passed |= 1 << t;
  const hits = passed & ~taken[object]!;
  taken[object] = taken[object]! | passed;
  return hits;
}

interface ClassCurves extends DetectionCurves {
  /** [10] by IoU threshold */
  readonly averagePrecisions: Float64Array;
}

function classCurves({ objects, scores, hits }: CollectedClass): ClassCurves {
  const order = rowsByScore(scores);
  const precision = new Float64Array(CONFIDENCE_POINTS);
  const recall = new Float64Array(CONFIDENCE_POINTS);
  const averagePrecisions = new Float64Array(COCO_IOU_THRESHOLDS.length);
  const precisionByRecall = new Float64Array(RECALL_POINTS);
  if (order.length > 0) {
    for (let t = 0; t < averagePrecisions.length; t++) {
      const curve = precisionRecallCurve(order, hits, t, objects);
      const sampled = sampleByRecall(curve);
      averagePrecisions[t] = areaUnder(sampled);
      if (t > 0) continue;
      precisionByRecall.set(sampled);
      sampleByConfidence(curve, order, scores, precision, recall);
    }
  }
  const f1 = precision.map((p, i) => (p + recall[i]! > 0 ? (2 * p * recall[i]!) / (p + recall[i]!) : 0));
  return { precision, recall, f1, precisionByRecall, averagePrecisions };
}

/** Precision and recall after each detection, best score first, between the ends (0, 1) and (1, 0): [detections + 2]. */
interface Curve {
  readonly precision: Float64Array;
  readonly recall: Float64Array;
}

function precisionRecallCurve(order: Int32Array, hits: readonly number[], t: number, objects: number): Curve {
  const precision = new Float64Array(order.length + 2);
  const recall = new Float64Array(order.length + 2);
  precision[0] = 1;
  recall[order.length + 1] = 1;
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    count += (hits[order[i]!]! >> t) & 1;
    precision[i + 1] = count / (i + 1);
    recall[i + 1] = count / objects;
  }
  return { precision, recall };
}

/** [101] The falling envelope of precision at recalls 0, 0.01 … 1. */
function sampleByRecall({ precision, recall }: Curve): Float64Array {
  const envelope = precision.slice();
  for (let i = envelope.length - 2; i >= 0; i--) envelope[i] = Math.max(envelope[i]!, envelope[i + 1]!);
  return Float64Array.from({ length: RECALL_POINTS }, (_, r) => interpolate(r / (RECALL_POINTS - 1), recall, envelope));
}

/** By the trapezoid rule. */
function areaUnder(heights: Float64Array): number {
  let area = 0;
  for (let r = 1; r < RECALL_POINTS; r++) area += (heights[r - 1]! + heights[r]!) / 2 / (RECALL_POINTS - 1);
  return area;
}

function sampleByConfidence(
  curve: Curve,
  order: Int32Array,
  scores: readonly number[],
  precision: Float64Array,
  recall: Float64Array,
): void {
  // Interpolation wants rising positions, and confidence falls.
  const positions = Float64Array.from(order, (row) => -scores[row]!);
  const precisions = curve.precision.subarray(1, -1);
  const recalls = curve.recall.subarray(1, -1);
  for (let i = 0; i < CONFIDENCE_POINTS; i++) {
    const position = -i / (CONFIDENCE_POINTS - 1);
    const aboveAll = position < positions[0]!;
    precision[i] = aboveAll ? 1 : interpolate(position, positions, precisions);
    recall[i] = aboveAll ? 0 : interpolate(position, positions, recalls);
  }
}

/** Piecewise linear through (positions, values), positions ascending; of equal positions the last counts, beyond the ends the end does. */
function interpolate(x: number, positions: Float64Array, values: Float64Array): number {
  let below = 0;
  let above = positions.length;
  while (above - below > 1) {
    const middle = (below + above) >>> 1;
    if (positions[middle]! <= x) below = middle;
    else above = middle;
  }
  if (above === positions.length || x <= positions[below]!) return values[below]!;
  const slope = (values[above]! - values[below]!) / (positions[above]! - positions[below]!);
  return values[below]! + slope * (x - positions[below]!);
}

/** Index of the highest mean F1 after smoothing with a box filter whose ends repeat the outermost values. */
function bestConfidencePoint(curves: readonly Float64Array[]): number {
  const meanF1 = Float64Array.from({ length: CONFIDENCE_POINTS }, (_, i) => mean(curves.map((curve) => curve[i]!)));
  const half = SMOOTHING_POINTS >> 1;
  let best = 0;
  let bestSum = -1;
  for (let i = 0; i < CONFIDENCE_POINTS; i++) {
    let sum = 0;
    for (let k = i - half; k <= i + half; k++) sum += meanF1[Math.min(Math.max(k, 0), CONFIDENCE_POINTS - 1)]!;
    if (sum <= bestSum) continue;
    bestSum = sum;
    best = i;
  }
  return best;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
