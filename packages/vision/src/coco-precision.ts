/**
 * Precision and recall over a set of pictures as the COCO API computes them, for anything that has classes, scores and a similarity.
 * It knows nothing of boxes: `coco-evaluator.ts` supplies those, and masks or keypoints need only another `EvaluationSet`.
 */

import { MATCH, matchDetections } from "./coco-matching.js";
import { rowsByScore } from "./evaluation-input.js";

/** Objects and detections of one picture, without their shapes. */
export interface EvaluationImage {
  readonly truthClasses: ArrayLike<number>;
  readonly truthAreas: ArrayLike<number>;
  /** 1: any number of detections may match it. */
  readonly truthCrowd: ArrayLike<number>;
  /** 1: it is not counted, whatever its area. A crowd is not counted either. */
  readonly truthIgnored: ArrayLike<number>;
  readonly detectionClasses: ArrayLike<number>;
  readonly detectionAreas: ArrayLike<number>;
  readonly detectionScores: ArrayLike<number>;
}

export interface EvaluationSet {
  readonly images: readonly EvaluationImage[];
  /** Fill `out`, [detections.length * truth.length] row-major, with similarities 0 … 1 of these rows of one picture. */
  similarity(image: number, detections: Int32Array, truth: Int32Array, out: Float64Array): void;
}

/** Areas in square pixels, both ends included. */
export interface AreaRange {
  readonly from: number;
  readonly to: number;
}

export interface PrecisionOptions {
  readonly thresholds: readonly number[];
  readonly areaRanges: readonly AreaRange[];
  /** Ascending: so many detections of a class in a picture are looked at. */
  readonly maxDetections: readonly number[];
}

/** Number of recalls 0, 0.01 … 1 at which precision is sampled. */
export const RECALL_POINTS = 101;

/** Figures of one class; -1 where the class has no counted object in the range of areas. */
export interface ClassPrecision {
  readonly classId: number;
  /** Counted objects in each range of areas. */
  readonly objects: Int32Array;
  /** [areaRange][threshold * 101 + recall point] precision with the largest number of detections */
  readonly precision: readonly Float64Array[];
  /** [areaRange][maxDetections * thresholds + threshold] largest recall */
  readonly recall: readonly Float64Array[];
}

/** Precision and recall of every class that occurs, by ascending class number. */
export function classPrecisions(set: EvaluationSet, options: PrecisionOptions): ClassPrecision[] {
  const classes = [...groupByClass(set, options.maxDetections.at(-1) ?? 0)];
  return classes.sort(([a], [b]) => a - b).map(([classId, rows]) => classPrecision(set, classId, rows, options));
}

/** Rows of one class, picture by picture. */
interface ClassRows {
  readonly truthImages: number[];
  readonly truth: number[];
  readonly detectionImages: number[];
  /** Within a picture best first, and no more than are looked at. */
  readonly detections: number[];
  /** Position of each detection within its picture, counted from the best. */
  readonly ranks: number[];
}

function groupByClass(set: EvaluationSet, maxDetections: number): Map<number, ClassRows> {
  const classes = new Map<number, ClassRows>();
  const rowsOf = (classId: number): ClassRows => {
    let rows = classes.get(classId);
    if (rows === undefined) {
      classes.set(classId, (rows = { truthImages: [], truth: [], detectionImages: [], detections: [], ranks: [] }));
    }
    return rows;
  };
  for (const [image, { truthClasses, detectionClasses, detectionScores }] of set.images.entries()) {
    for (let g = 0; g < truthClasses.length; g++) {
      const rows = rowsOf(truthClasses[g]!);
      rows.truthImages.push(image);
      rows.truth.push(g);
    }
    for (const d of rowsByScore(detectionScores)) {
      const rows = rowsOf(detectionClasses[d]!);
      const rank = rows.detectionImages.at(-1) === image ? rows.ranks.at(-1)! + 1 : 0;
      if (rank >= maxDetections) continue;
      rows.detectionImages.push(image);
      rows.detections.push(d);
      rows.ranks.push(rank);
    }
  }
  return classes;
}

function classPrecision(
  set: EvaluationSet,
  classId: number,
  rows: ClassRows,
  options: PrecisionOptions,
): ClassPrecision {
  const { detections, detectionImages } = rows;
  const scores = detections.map((d, i) => set.images[detectionImages[i]!]!.detectionScores[d]!);
  const order = rowsByScore(scores);
  const { verdicts, objects } = matchClass(set, rows, options);
  const curves = verdicts.map((range, a) => precisionAndRecall(range, objects[a]!, order, rows.ranks, options));
  return { classId, objects, precision: curves.map((c) => c.precision), recall: curves.map((c) => c.recall) };
}

/** Verdicts on a class's detections in all pictures. */
interface ClassVerdicts {
  /** [areaRange][threshold * detections + detection] `MATCH` values */
  readonly verdicts: readonly Uint8Array[];
  /** [areaRange] counted objects */
  readonly objects: Int32Array;
}

function matchClass(set: EvaluationSet, rows: ClassRows, options: PrecisionOptions): ClassVerdicts {
  const { truthImages, detectionImages } = rows;
  const total = detectionImages.length;
  const result = {
    verdicts: options.areaRanges.map(() => new Uint8Array(options.thresholds.length * total)),
    objects: new Int32Array(options.areaRanges.length),
  };
  let g = 0;
  let d = 0;
  while (g < truthImages.length || d < total) {
    const image = Math.min(truthImages[g] ?? Infinity, detectionImages[d] ?? Infinity);
    const firstTruth = g;
    const firstDetection = d;
    while (truthImages[g] === image) g++;
    while (detectionImages[d] === image) d++;
    const truth = Int32Array.from(rows.truth.slice(firstTruth, g));
    const detections = Int32Array.from(rows.detections.slice(firstDetection, d));
    matchImage(set, image, truth, detections, options, result, firstDetection, total);
  }
  return result;
}

/** Match one picture's rows of a class; its verdicts start at `offset` of the class's `total`. */
function matchImage(
  set: EvaluationSet,
  imageIndex: number,
  truth: Int32Array,
  detections: Int32Array,
  { areaRanges, thresholds }: PrecisionOptions,
  { verdicts, objects }: ClassVerdicts,
  offset: number,
  total: number,
): void {
  const image = set.images[imageIndex]!;
  const problem = {
    truthCount: truth.length,
    detectionCount: detections.length,
    similarities: new Float64Array(truth.length * detections.length),
    ignored: new Uint8Array(truth.length),
    crowd: new Uint8Array(truth.length),
    excused: new Uint8Array(detections.length),
  };
  if (problem.similarities.length > 0) set.similarity(imageIndex, detections, truth, problem.similarities);
  for (let g = 0; g < truth.length; g++) problem.crowd[g] = image.truthCrowd[truth[g]!]!;
  for (const [a, { from, to }] of areaRanges.entries()) {
    for (let g = 0; g < truth.length; g++) {
      const area = image.truthAreas[truth[g]!]!;
      const counted = area >= from && area <= to && !image.truthIgnored[truth[g]!] && problem.crowd[g] === 0;
      problem.ignored[g] = counted ? 0 : 1;
      if (counted) objects[a] = objects[a]! + 1;
    }
    for (let d = 0; d < detections.length; d++) {
      const area = image.detectionAreas[detections[d]!]!;
      problem.excused[d] = area >= from && area <= to ? 0 : 1;
    }
    matchDetections(problem, thresholds, verdicts[a]!, total, offset);
  }
}

/**
 * Precision and recall of a class in one range of areas.
 * @param order detections of the class, best score first. @param ranks position of each within its picture
 */
function precisionAndRecall(
  verdicts: Uint8Array,
  objects: number,
  order: Int32Array,
  ranks: readonly number[],
  { thresholds, maxDetections }: PrecisionOptions,
): { precision: Float64Array; recall: Float64Array } {
  const precision = new Float64Array(thresholds.length * RECALL_POINTS).fill(-1);
  const recall = new Float64Array(maxDetections.length * thresholds.length).fill(-1);
  if (objects === 0) return { precision, recall };
  // Precision only matters where it is best for its recall, that is at true positives.
  const precisionAtHits = new Float64Array(objects);
  for (let t = 0; t < thresholds.length; t++) {
    const verdictsAt = verdicts.subarray(t * order.length, (t + 1) * order.length);
    let hits = 0;
    let counted = 0;
    for (const position of order) {
      const verdict = verdictsAt[position];
      if (verdict === MATCH.ignored) continue;
      counted++;
      if (verdict === MATCH.truePositive) precisionAtHits[hits++] = hits / counted;
    }
    sampleEnvelope(precisionAtHits.subarray(0, hits), objects, precision, t * RECALL_POINTS);
    for (const [m, most] of maxDetections.entries()) {
      let recalled = 0;
      for (let i = 0; i < order.length; i++) {
        if (verdictsAt[i] === MATCH.truePositive && ranks[i]! < most) recalled++;
      }
      recall[m * thresholds.length + t] = recalled / objects;
    }
  }
  return { precision, recall };
}

/**
 * Best precision at or beyond each recall 0, 0.01 … 1, and 0 where that recall is not reached.
 * @param precisionAtHits precision at the first, second … true positive, overwritten. @param out filled from `offset` on
 */
function sampleEnvelope(precisionAtHits: Float64Array, objects: number, out: Float64Array, offset: number): void {
  const hits = precisionAtHits.length;
  for (let i = hits - 2; i >= 0; i--) precisionAtHits[i] = Math.max(precisionAtHits[i]!, precisionAtHits[i + 1]!);
  let hit = 0;
  for (let r = 0; r < RECALL_POINTS; r++) {
    const wanted = r === RECALL_POINTS - 1 ? 1 : r * 0.01;
    while (hit < hits && (hit + 1) / objects < wanted) hit++;
    out[offset + r] = hit < hits ? precisionAtHits[hit]! : 0;
  }
}
