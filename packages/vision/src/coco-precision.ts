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
  const groups = [...groupByClass(set, options.maxDetections.at(-1) ?? 0)];
  return groups.sort(([a], [b]) => a - b).map(([classId, group]) => classPrecision(set, classId, group, options));
}

/** Rows of one class in one picture; detections best first and no more than are looked at. */
interface ClassRows {
  readonly image: number;
  readonly truth: number[];
  readonly detections: number[];
}

function groupByClass(set: EvaluationSet, maxDetections: number): Map<number, ClassRows[]> {
  const groups = new Map<number, ClassRows[]>();
  const rowsOf = (classId: number, image: number): ClassRows => {
    let group = groups.get(classId);
    if (group === undefined) groups.set(classId, (group = []));
    let rows = group.at(-1);
    if (rows?.image !== image) group.push((rows = { image, truth: [], detections: [] }));
    return rows;
  };
  for (const [image, { truthClasses, detectionClasses, detectionScores }] of set.images.entries()) {
    for (let g = 0; g < truthClasses.length; g++) rowsOf(truthClasses[g]!, image).truth.push(g);
    for (const d of rowsByScore(detectionScores)) {
      const { detections } = rowsOf(detectionClasses[d]!, image);
      if (detections.length < maxDetections) detections.push(d);
    }
  }
  return groups;
}

/** Detections of one class in all pictures. */
interface ClassDetections {
  /** Positions, best score first; equal scores in the order of pictures. */
  readonly order: Int32Array;
  /** Position within its picture, counted from the best. */
  readonly rank: Int32Array;
}

function classPrecision(
  set: EvaluationSet,
  classId: number,
  group: readonly ClassRows[],
  options: PrecisionOptions,
): ClassPrecision {
  const scores = group.flatMap((rows) => rows.detections.map((d) => set.images[rows.image]!.detectionScores[d]!));
  const rank = Int32Array.from(group.flatMap((rows) => rows.detections.map((_, d) => d)));
  const detections = { order: rowsByScore(scores), rank };
  const verdicts = options.areaRanges.map(() => new Uint8Array(options.thresholds.length * scores.length));
  const objects = new Int32Array(options.areaRanges.length);
  let offset = 0;
  for (const rows of group) {
    matchImage(set, rows, options, { verdicts, objects, offset, stride: scores.length });
    offset += rows.detections.length;
  }
  const curves = verdicts.map((range, a) => precisionAndRecall(range, objects[a]!, detections, options));
  return { classId, objects, precision: curves.map((c) => c.precision), recall: curves.map((c) => c.recall) };
}

interface MatchOutput {
  /** [areaRange] verdicts of the whole class */
  readonly verdicts: readonly Uint8Array[];
  /** [areaRange] counted objects, added to */
  readonly objects: Int32Array;
  readonly offset: number;
  readonly stride: number;
}

function matchImage(set: EvaluationSet, rows: ClassRows, options: PrecisionOptions, output: MatchOutput): void {
  const image = set.images[rows.image]!;
  const { truth, detections } = rows;
  const similarities = new Float64Array(truth.length * detections.length);
  if (similarities.length > 0) {
    set.similarity(rows.image, Int32Array.from(detections), Int32Array.from(truth), similarities);
  }
  const crowd = Uint8Array.from(truth, (g) => image.truthCrowd[g]!);
  for (const [a, { from, to }] of options.areaRanges.entries()) {
    const outside = (area: number) => area < from || area > to;
    const ignored = Uint8Array.from(truth, (g) =>
      image.truthIgnored[g] || image.truthCrowd[g] || outside(image.truthAreas[g]!) ? 1 : 0,
    );
    const excused = Uint8Array.from(detections, (d) => (outside(image.detectionAreas[d]!) ? 1 : 0));
    const problem = {
      truthCount: truth.length,
      detectionCount: detections.length,
      similarities,
      ignored,
      crowd,
      excused,
    };
    matchDetections(problem, options.thresholds, output.verdicts[a]!, output.stride, output.offset);
    for (const flag of ignored) if (flag === 0) output.objects[a] = output.objects[a]! + 1;
  }
}

function precisionAndRecall(
  verdicts: Uint8Array,
  objects: number,
  { order, rank }: ClassDetections,
  { thresholds, maxDetections }: PrecisionOptions,
): { precision: Float64Array; recall: Float64Array } {
  const precision = new Float64Array(thresholds.length * RECALL_POINTS).fill(-1);
  const recall = new Float64Array(maxDetections.length * thresholds.length).fill(-1);
  if (objects === 0) return { precision, recall };
  const curve = { recall: new Float64Array(order.length), precision: new Float64Array(order.length) };
  for (const [m, most] of maxDetections.entries()) {
    for (let t = 0; t < thresholds.length; t++) {
      let points = 0;
      let hits = 0;
      for (const position of order) {
        const verdict = verdicts[t * order.length + position];
        if (verdict === MATCH.ignored || rank[position]! >= most) continue;
        if (verdict === MATCH.truePositive) hits++;
        curve.recall[points] = hits / objects;
        curve.precision[points] = hits / (points + 1);
        points++;
      }
      recall[m * thresholds.length + t] = hits / objects;
      if (m === maxDetections.length - 1) sampleEnvelope(curve, points, precision, t * RECALL_POINTS);
    }
  }
  return { precision, recall };
}

/** Best precision at or beyond each recall 0, 0.01 … 1, and 0 where that recall is not reached. Overwrites the curve. */
function sampleEnvelope(
  curve: { recall: Float64Array; precision: Float64Array },
  points: number,
  out: Float64Array,
  offset: number,
): void {
  const { recall, precision } = curve;
  for (let i = points - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  let point = 0;
  for (let r = 0; r < RECALL_POINTS; r++) {
    const wanted = r === RECALL_POINTS - 1 ? 1 : r * 0.01;
    while (point < points && recall[point]! < wanted) point++;
    out[offset + r] = point < points ? precision[point]! : 0;
  }
}
