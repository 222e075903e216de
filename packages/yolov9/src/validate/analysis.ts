/**
 * What a validation says beyond its figures: kinds of errors and their cost, calibration, confusion, sizes, Pascal VOC's AP, and the images with
 * the most errors. Computed once at the end, from the boxes that a run gathered; files and plots are made elsewhere.
 */
import {
  calibration,
  confusionMatrix,
  ERROR_KINDS,
  errorBreakdown,
  judgeDetections,
  vocAveragePrecision,
  type Calibration,
  type ClassDetectionFigures,
  type ConfusionMatrix,
  type ErrorBreakdown,
  type ImageDetections,
  type Verdict,
} from "@yolov9/vision";
import { classNameOf } from "../class-name.js";
import type { Sample } from "../data/index.js";
import { figure, type ValidationResult } from "./result.js";
import type { Validation } from "./validate.js";

export interface SizeFigures {
  readonly size: "small" | "medium" | "large";
  readonly objects: number;
  readonly AP: number;
  readonly AR: number;
}

/** A detection as it is drawn. */
export interface MarkedDetection {
  readonly box: readonly [number, number, number, number];
  readonly name: string;
  readonly score: number;
  readonly verdict: Verdict;
}

export interface MarkedImage {
  readonly sample: Sample;
  /** False detections and missed objects. */
  readonly errors: number;
  readonly detections: readonly MarkedDetection[];
  readonly missed: readonly { readonly box: readonly [number, number, number, number]; readonly name: string }[];
}

export interface ValidationAnalysis {
  readonly voc: { readonly area: number; readonly elevenPoints: number };
  readonly sizes: readonly SizeFigures[];
  readonly errors: ErrorBreakdown;
  readonly calibration: Calibration;
  readonly confusion: ConfusionMatrix;
  /** Curves of the classes that have objects. */
  readonly curves: readonly (ClassDetectionFigures & { readonly name: string })[];
  /** Most errors first, at the confidence of the best mean F1. */
  readonly worst: readonly MarkedImage[];
}

/** @param worstCount images to keep for showing */
export function analyse(
  { result, collector: { samples, detections, metrics } }: Validation,
  names: readonly string[],
  worstCount: number,
): ValidationAnalysis {
  const { area, elevenPoints } = vocAveragePrecision(samples, detections);
  return {
    voc: { area, elevenPoints },
    sizes: sizesOf(result),
    errors: errorBreakdown(samples, detections),
    calibration: calibration(samples, detections),
    confusion: confusionMatrix(samples, detections, { classCount: names.length }),
    curves: metrics.perClass.map((figures) => ({
      ...figures,
      name: classNameOf(names, figures.classId),
    })),
    worst: worstImages(samples, detections, names, result.confidence, worstCount),
  };
}

function sizesOf({ objectsBySize, APs, APm, APl, ARs, ARm, ARl }: ValidationResult): SizeFigures[] {
  return [
    { size: "small", objects: objectsBySize.small, AP: APs, AR: ARs },
    { size: "medium", objects: objectsBySize.medium, AP: APm, AR: ARm },
    { size: "large", objects: objectsBySize.large, AP: APl, AR: ARl },
  ];
}

function worstImages(
  samples: readonly Sample[],
  detections: readonly ImageDetections[],
  names: readonly string[],
  confidence: number,
  count: number,
): MarkedImage[] {
  return samples
    .map((sample, i) => markedImage(sample, detections[i]!, names, confidence))
    .filter(({ errors }) => errors > 0)
    .sort((a, b) => b.errors - a.errors)
    .slice(0, count);
}

function markedImage(
  sample: Sample,
  { boxes, scores, classes }: ImageDetections,
  names: readonly string[],
  confidence: number,
): MarkedImage {
  const nameOf = (classId: number) => classNameOf(names, classId);
  const judged = judgeDetections(sample, { boxes, scores, classes }).filter(({ row }) => scores[row]! >= confidence);
  const hit = new Set(judged.filter(({ verdict }) => verdict === "hit").map(({ object }) => object));
  const missed = Array.from(sample.classes, (classId, object) => ({ classId, object }))
    .filter(({ object }) => sample.crowd[object] !== 1 && !hit.has(object))
    .map(({ classId, object }) => ({ box: boxOf(sample.boxes, object), name: nameOf(classId) }));
  const marked = judged.map(({ row, verdict }) => ({
    box: boxOf(boxes, row),
    name: nameOf(classes[row]!),
    score: scores[row]!,
    verdict,
  }));
  const wrong = marked.filter(({ verdict }) => verdict !== "hit" && verdict !== "excused").length;
  return { sample, errors: wrong + missed.length, detections: marked, missed };
}

function boxOf(boxes: ArrayLike<number>, row: number): [number, number, number, number] {
  return [boxes[row * 4]!, boxes[row * 4 + 1]!, boxes[row * 4 + 2]!, boxes[row * 4 + 3]!];
}

/** Two lines for a terminal: what each kind of error costs, and Pascal VOC's figures. */
export function analysisSummary({ errors, voc, calibration: { expectedError } }: ValidationAnalysis): string {
  const costs = ERROR_KINDS.map((kind) => `${kind} ${errors.errors[kind].cost.toFixed(3)}`);
  return [
    `errors, in AP50: ${costs.join(", ")}`,
    `VOC AP50 ${figure(voc.area)} (11 points ${figure(voc.elevenPoints)}), calibration error ${expectedError.toFixed(3)}`,
  ].join("\n");
}
