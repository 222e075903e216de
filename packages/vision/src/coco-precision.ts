/**
 * Precision and recall over a set of pictures as the COCO API computes them, for anything that has classes, scores and a similarity.
 * It knows nothing of shapes: coco-evaluator.ts supplies those as an `EvaluationSet` of each kind.
 */

import { MATCH, matchDetections, MatchingSpace } from "./coco-matching.js";
import { RECALL_POINTS, rowsByScore } from "./evaluation-input.js";

/** Objects and detections of one picture, without their shapes. */
export interface EvaluationImage {
  readonly truthClasses: ArrayLike<number>;
  readonly truthAreas: ArrayLike<number>;
  /** 1: any number of detections may match it. */
  readonly truthCrowd: ArrayLike<number>;
  /** 1: it is not counted, whatever its area. A crowd is not counted either. */
  readonly truthIgnored: ArrayLike<number>;
  /** 1: it is counted, but a detection that takes it is judged as if it had taken nothing. Default none. */
  readonly truthUncredited?: ArrayLike<number> | undefined;
  readonly detectionClasses: ArrayLike<number>;
  readonly detectionAreas: ArrayLike<number>;
  readonly detectionScores: ArrayLike<number>;
}

export interface EvaluationSet {
  readonly images: readonly EvaluationImage[];
  /** Fill `out`, [detections * truth] row-major, with similarities 0 … 1 of these rows of one picture. */
  similarity(image: number, detections: RowRange, truth: RowRange, out: Float64Array): void;
}

/** The rows rows[from] … rows[to - 1] of a picture. */
export interface RowRange {
  readonly rows: Int32Array;
  readonly from: number;
  readonly to: number;
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
  const classes = groupByClass(set, options.maxDetections.at(-1) ?? 0);
  return classes.sort((a, b) => a.classId - b.classId).map((rows) => classPrecision(set, rows, options));
}

/** Rows of one class, picture by picture. Arrays may be longer than the counts. */
interface ClassRows {
  readonly classId: number;
  truthCount: number;
  readonly truthImages: Int32Array;
  readonly truth: Int32Array;
  detectionCount: number;
  readonly detectionImages: Int32Array;
  /** Within a picture best first, and no more than are looked at. */
  readonly detections: Int32Array;
  /** Position of each detection within its picture, counted from the best. */
  readonly ranks: Int32Array;
}

function groupByClass(set: EvaluationSet, maxDetections: number): ClassRows[] {
  const classes = emptyClassRows(set);
  for (let image = 0; image < set.images.length; image++) {
    const { truthClasses, detectionClasses, detectionScores } = set.images[image]!;
    for (let g = 0; g < truthClasses.length; g++) {
      const rows = classes.get(truthClasses[g]!)!;
      rows.truthImages[rows.truthCount] = image;
      rows.truth[rows.truthCount++] = g;
    }
    const order = rowsByScore(detectionScores);
    for (let i = 0; i < order.length; i++) {
      const rows = classes.get(detectionClasses[order[i]!]!)!;
      const to = rows.detectionCount;
      const rank = to > 0 && rows.detectionImages[to - 1] === image ? rows.ranks[to - 1]! + 1 : 0;
      if (rank >= maxDetections) continue;
      rows.detectionImages[to] = image;
      rows.detections[to] = order[i]!;
      rows.ranks[to] = rank;
      rows.detectionCount++;
    }
  }
  return [...classes.values()];
}

/** Room for every row of every class that occurs. */
function emptyClassRows({ images }: EvaluationSet): Map<number, ClassRows> {
  const counts = new Map<number, { truth: number; detections: number }>();
  const count = (classes: ArrayLike<number>, what: "truth" | "detections") => {
    for (let i = 0; i < classes.length; i++) {
      let entry = counts.get(classes[i]!);
      if (entry === undefined) counts.set(classes[i]!, (entry = { truth: 0, detections: 0 }));
      entry[what]++;
    }
  };
  for (const { truthClasses, detectionClasses } of images) {
    count(truthClasses, "truth");
    count(detectionClasses, "detections");
  }
  const rows = (classId: number, truth: number, detections: number): ClassRows => ({
    classId,
    truthCount: 0,
    truthImages: new Int32Array(truth),
    truth: new Int32Array(truth),
    detectionCount: 0,
    detectionImages: new Int32Array(detections),
    detections: new Int32Array(detections),
    ranks: new Int32Array(detections),
  });
  return new Map([...counts].map(([id, { truth, detections }]) => [id, rows(id, truth, detections)]));
}

function classPrecision(set: EvaluationSet, rows: ClassRows, options: PrecisionOptions): ClassPrecision {
  const { classId, detections, detectionImages, detectionCount, ranks } = rows;
  const scores = new Float64Array(detectionCount);
  for (let i = 0; i < detectionCount; i++) {
    scores[i] = set.images[detectionImages[i]!]!.detectionScores[detections[i]!]!;
  }
  const order = rowsByScore(scores);
  const { verdicts, objects } = matchClass(set, rows, options);
  const curves = verdicts.map((range, a) => precisionAndRecall(range, objects[a]!, order, ranks, options));
  return { classId, objects, precision: curves.map((c) => c.precision), recall: curves.map((c) => c.recall) };
}

/** Verdicts on a class's detections in all pictures. */
interface ClassVerdicts {
  /** [areaRange][threshold * total + detection] `MATCH` values */
  readonly verdicts: readonly Uint8Array[];
  /** Detections of the class. */
  readonly total: number;
  /** [areaRange] counted objects */
  readonly objects: Int32Array;
}

function matchClass(set: EvaluationSet, rows: ClassRows, options: PrecisionOptions): ClassVerdicts {
  const { truthImages, truthCount, detectionImages, detectionCount: total } = rows;
  const result = {
    verdicts: options.areaRanges.map(() => new Uint8Array(options.thresholds.length * total)),
    total,
    objects: new Int32Array(options.areaRanges.length),
  };
  const space = new MatchingSpace();
  let g = 0;
  let d = 0;
  while (g < truthCount || d < total) {
    const image = Math.min(g < truthCount ? truthImages[g]! : Infinity, d < total ? detectionImages[d]! : Infinity);
    const firstTruth = g;
    const firstDetection = d;
    while (g < truthCount && truthImages[g] === image) g++;
    while (d < total && detectionImages[d] === image) d++;
    const detections = { rows: rows.detections, from: firstDetection, to: d };
    if (g === firstTruth) judgeUnmatched(set.images[image]!, detections, options, result);
    else matchImage(set, image, { rows: rows.truth, from: firstTruth, to: g }, detections, options, result, space);
  }
  return result;
}

/** Where there is nothing to match, a detection is wrong at every threshold, or outside of the range of areas. */
function judgeUnmatched(
  { detectionAreas }: EvaluationImage,
  { rows, from, to }: RowRange,
  { areaRanges, thresholds }: PrecisionOptions,
  { verdicts, total }: ClassVerdicts,
): void {
  for (let d = from; d < to; d++) {
    const area = detectionAreas[rows[d]!]!;
    for (let a = 0; a < areaRanges.length; a++) {
      const range = areaRanges[a]!;
      const verdict = area >= range.from && area <= range.to ? MATCH.falsePositive : MATCH.ignored;
      for (let t = 0; t < thresholds.length; t++) verdicts[a]![t * total + d] = verdict;
    }
  }
}

/** Match one picture's rows of a class. */
function matchImage(
  set: EvaluationSet,
  imageIndex: number,
  truth: RowRange,
  detections: RowRange,
  { areaRanges, thresholds }: PrecisionOptions,
  { verdicts, total, objects }: ClassVerdicts,
  space: MatchingSpace,
): void {
  const image = set.images[imageIndex]!;
  const truthCount = truth.to - truth.from;
  const detectionCount = detections.to - detections.from;
  space.resize(truthCount, detectionCount);
  if (detectionCount > 0) set.similarity(imageIndex, detections, truth, space.similarities);
  for (let g = 0; g < truthCount; g++) {
    const row = truth.rows[truth.from + g]!;
    space.crowd[g] = image.truthCrowd[row]!;
    space.uncredited[g] = image.truthUncredited?.[row] ?? 0;
  }
  for (let a = 0; a < areaRanges.length; a++) {
    const range = areaRanges[a]!;
    for (let g = 0; g < truthCount; g++) {
      const row = truth.rows[truth.from + g]!;
      const area = image.truthAreas[row]!;
      const counted = area >= range.from && area <= range.to && !image.truthIgnored[row] && space.crowd[g] === 0;
      space.ignored[g] = counted ? 0 : 1;
      if (counted) objects[a] = objects[a]! + 1;
    }
    for (let d = 0; d < detectionCount; d++) {
      const area = image.detectionAreas[detections.rows[detections.from + d]!]!;
      space.excused[d] = area >= range.from && area <= range.to ? 0 : 1;
    }
    matchDetections(space, thresholds, verdicts[a]!, total, detections.from);
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
  ranks: Int32Array,
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
    for (let m = 0; m < maxDetections.length; m++) recall[m * thresholds.length + t] = 0;
    for (let i = 0; i < order.length; i++) {
      const verdict = verdictsAt[order[i]!];
      if (verdict === MATCH.ignored) continue;
      counted++;
      if (verdict !== MATCH.truePositive) continue;
      precisionAtHits[hits++] = hits / counted;
      for (let m = 0; m < maxDetections.length; m++) {
        const at = m * thresholds.length + t;
        if (ranks[order[i]!]! < maxDetections[m]!) recall[at] = recall[at]! + 1;
      }
    }
    sampleEnvelope(precisionAtHits.subarray(0, hits), objects, precision, t * RECALL_POINTS);
  }
  for (let i = 0; i < recall.length; i++) recall[i] = recall[i]! / objects;
  return { precision, recall };
}

/**
 * Best precision at or beyond each recall 0, 0.01 … 1, and 0 where that recall is not reached.
 * @param precisionAtHits precision at the first, second … true positive, overwritten. @param out filled from `offset` on
 */
export function sampleEnvelope(
  precisionAtHits: Float64Array,
  objects: number,
  out: Float64Array,
  offset: number,
): void {
  const hits = precisionAtHits.length;
  for (let i = hits - 2; i >= 0; i--) precisionAtHits[i] = Math.max(precisionAtHits[i]!, precisionAtHits[i + 1]!);
  let hit = 0;
  for (let r = 0; r < RECALL_POINTS; r++) {
    const wanted = r === RECALL_POINTS - 1 ? 1 : r * 0.01;
    while (hit < hits && (hit + 1) / objects < wanted) hit++;
    out[offset + r] = hit < hits ? precisionAtHits[hit]! : 0;
  }
}
