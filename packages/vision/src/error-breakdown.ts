/**
 * How much average precision each kind of error costs (TIDE, Bolya et al. 2020): AP50 is computed again with the errors of one kind put right,
 * and the gain is that kind's cost. Costs do not add up to what is missing: errors hide one another.
 */

import { sampleEnvelope } from "./coco-precision.js";
import { judgeDetections, type JudgedDetection, type Verdict, type VerdictThresholds } from "./detection-verdicts.js";
import {
  checkEvaluationInput,
  countObjects,
  RECALL_POINTS,
  rowsByScore,
  type ImageDetections,
  type ImageTruth,
} from "./evaluation-input.js";

export const ERROR_KINDS = ["localisation", "classification", "both", "duplicate", "background", "missed"] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

export interface ErrorCost {
  /** Detections with this error; of `missed`, objects. */
  readonly count: number;
  /** How much AP50 would rise without them, 0 … 1. */
  readonly cost: number;
}

export interface ErrorBreakdown {
  /** As it is, over classes that have objects; -1 where none has. */
  readonly AP50: number;
  readonly errors: Readonly<Record<ErrorKind, ErrorCost>>;
  /** How much AP50 would rise without any false detection, and without any missed object. */
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/**
 * @param truths one entry a picture, boxes x1 y1 x2 y2
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function errorBreakdown(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  thresholds: VerdictThresholds = {},
): ErrorBreakdown {
  checkEvaluationInput(truths, detections);
  const entries = truths.flatMap((truth, image) => entriesOf(image, truth, detections[image]!, thresholds));
  const objects = countObjects(truths, ({ crowd }, g) => crowd?.[g] === 1);
  const missed = missedObjects(truths, entries);
  const AP50 = averagePrecision(entries, objects);
  const gain = (changed: readonly Entry[], left: ReadonlyMap<number, number> = objects) =>
    AP50 < 0 ? 0 : Math.max(0, averagePrecision(changed, left) - AP50);
  const cost = (kind: Exclude<ErrorKind, "missed">) => ({
    count: entries.filter(({ verdict }) => verdict === kind).length,
    cost: gain(putRight(entries, kind)),
  });
  const undetected = withoutObjects(objects, missed.undetected);
  const unhit = withoutObjects(objects, missed.unhit);
  return {
    AP50,
    errors: {
      localisation: cost("localisation"),
      classification: cost("classification"),
      both: cost("both"),
      duplicate: cost("duplicate"),
      background: cost("background"),
      missed: { count: missed.undetected.length, cost: gain(entries, undetected) },
    },
    falsePositives: gain(entries.filter(({ verdict }) => verdict === "hit")),
    falseNegatives: gain(entries, unhit),
  };
}

interface Entry {
  readonly classId: number;
  readonly score: number;
  readonly verdict: Verdict;
  /** "image object" of what it took or its error is about. */
  readonly object: string;
  readonly objectClass: number;
}

function entriesOf(image: number, truth: ImageTruth, found: ImageDetections, thresholds: VerdictThresholds): Entry[] {
  const entry = ({ row, verdict, object }: JudgedDetection): Entry => ({
    classId: found.classes[row]!,
    score: found.scores[row]!,
    verdict,
    object: `${image} ${object}`,
    objectClass: truth.classes[object] ?? -1,
  });
  return judgeDetections(truth, found, thresholds)
    .filter(({ verdict }) => verdict !== "excused")
    .map(entry);
}

/** Classes of the objects that nothing hit, and of those among them that no error of place or class is about. */
function missedObjects(
  truths: readonly ImageTruth[],
  entries: readonly Entry[],
): { undetected: number[]; unhit: number[] } {
  const hit = new Set(entries.filter(({ verdict }) => verdict === "hit").map(({ object }) => object));
  const explained = new Set(
    entries
      .filter(({ verdict }) => verdict === "localisation" || verdict === "classification")
      .map(({ object }) => object),
  );
  const unhit: number[] = [];
  const undetected: number[] = [];
  for (const [image, { classes, crowd }] of truths.entries()) {
    for (let g = 0; g < classes.length; g++) {
      const object = `${image} ${g}`;
      if (crowd?.[g] === 1 || hit.has(object)) continue;
      unhit.push(classes[g]!);
      if (!explained.has(object)) undetected.push(classes[g]!);
    }
  }
  return { undetected, unhit };
}

function withoutObjects(objects: ReadonlyMap<number, number>, classes: readonly number[]): Map<number, number> {
  const left = new Map(objects);
  for (const classId of classes) left.set(classId, left.get(classId)! - 1);
  return left;
}

/**
 * The entries with one kind of error put right: what has a wrong place or class hits its object, unless that is hit already; what should not be
 * there is gone.
 */
function putRight(entries: readonly Entry[], kind: Exclude<ErrorKind, "missed">): Entry[] {
  if (kind !== "localisation" && kind !== "classification") return entries.filter(({ verdict }) => verdict !== kind);
  const hit = new Set(entries.filter(({ verdict }) => verdict === "hit").map(({ object }) => object));
  const order = rowsByScore(entries.map(({ score }) => score));
  const right: Entry[] = [];
  for (const at of order) {
    const entry = entries[at]!;
    if (entry.verdict !== kind) right.push(entry);
    else if (!hit.has(entry.object)) {
      hit.add(entry.object);
      right.push({ ...entry, verdict: "hit", classId: entry.objectClass });
    }
  }
  return right;
}

/** Mean over classes with objects of the precision at 101 recalls; -1 without such classes. */
function averagePrecision(entries: readonly Entry[], objects: ReadonlyMap<number, number>): number {
  const byClass = new Map<number, Entry[]>();
  for (const entry of entries) {
    const rows = byClass.get(entry.classId);
    if (rows === undefined) byClass.set(entry.classId, [entry]);
    else rows.push(entry);
  }
  let sum = 0;
  let classes = 0;
  for (const [classId, count] of objects) {
    if (count === 0) continue;
    classes++;
    sum += classAveragePrecision(byClass.get(classId) ?? [], count);
  }
  return classes === 0 ? -1 : sum / classes;
}

function classAveragePrecision(entries: readonly Entry[], objects: number): number {
  const atHits: number[] = [];
  for (const [i, at] of rowsByScore(entries.map(({ score }) => score)).entries()) {
    if (entries[at]!.verdict === "hit") atHits.push((atHits.length + 1) / (i + 1));
  }
  const precision = new Float64Array(RECALL_POINTS);
  sampleEnvelope(Float64Array.from(atHits), objects, precision, 0);
  return precision.reduce((sum, value) => sum + value, 0) / RECALL_POINTS;
}
