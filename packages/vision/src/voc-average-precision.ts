/**
 * Pascal VOC's average precision at one overlap: by the area under the curve (VOC 2010 on) and by eleven points (VOC 2007). A detection only
 * tries the object of its class that it overlaps most; a second one on the same object is wrong. "Difficult" objects, which stand in
 * `crowd` or `ignored`, neither count nor make a detection wrong.
 */

import { boxIou } from "./boxes.js";
import {
  checkEvaluationInput,
  countObjects,
  rowsByScore,
  type ImageDetections,
  type ImageTruth,
} from "./evaluation-input.js";

export interface VocOptions {
  /** Least overlap of a hit. Default 0.5. */
  readonly iou?: number;
  /** `xyxy` corners (default) or `xywh`. */
  readonly boxFormat?: "xyxy" | "xywh";
}

export interface VocClassFigures {
  readonly classId: number;
  /** Objects that count. */
  readonly objects: number;
  readonly area: number;
  readonly elevenPoints: number;
}

export interface VocFigures {
  /** Means over the classes that have objects; -1 where none has. */
  readonly area: number;
  readonly elevenPoints: number;
  /** Classes that have objects, by ascending number. */
  readonly perClass: readonly VocClassFigures[];
}

/**
 * @param truths one entry a picture
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function vocAveragePrecision(
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  { iou = 0.5, boxFormat = "xyxy" }: VocOptions = {},
): VocFigures {
  checkEvaluationInput(truths, detections);
  const corners = (boxes: ArrayLike<number>) => (boxFormat === "xyxy" ? boxes : xyxyFromXywh(boxes));
  const truthBoxes = truths.map(({ boxes }) => corners(boxes));
  const foundBoxes = detections.map(({ boxes }) => corners(boxes));
  const objects = countObjects(truths, isDifficult);
  const perClass = [...objects]
    .sort(([a], [b]) => a - b)
    .map(([classId, count]) => {
      const hits = verdictsOf(classId, truths, detections, { iou, truthBoxes, foundBoxes });
      return { classId, objects: count, ...averagePrecisions(hits, count) };
    });
  const mean = (values: readonly number[]) =>
    values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    area: mean(perClass.map(({ area }) => area)),
    elevenPoints: mean(perClass.map(({ elevenPoints }) => elevenPoints)),
    perClass,
  };
}

function isDifficult({ crowd, ignored }: ImageTruth, row: number): boolean {
  return crowd?.[row] === 1 || ignored?.[row] === 1;
}

/** Whether each counted detection of the class is a hit, best first. */
function verdictsOf(
  classId: number,
  truths: readonly ImageTruth[],
  detections: readonly ImageDetections[],
  boxes: {
    readonly iou: number;
    readonly truthBoxes: readonly ArrayLike<number>[];
    readonly foundBoxes: readonly ArrayLike<number>[];
  },
): boolean[] {
  const rows: { image: number; row: number; score: number }[] = [];
  for (const [image, { classes, scores }] of detections.entries()) {
    for (let row = 0; row < scores.length; row++) {
      if (classes[row] === classId) rows.push({ image, row, score: scores[row]! });
    }
  }
  const taken = new Set<string>();
  const verdicts: boolean[] = [];
  for (const at of rowsByScore(rows.map(({ score }) => score))) {
    const { image, row } = rows[at]!;
    const truth = truths[image]!;
    let [best, overlap] = [-1, -1];
    for (let g = 0; g < truth.classes.length; g++) {
      if (truth.classes[g] !== classId) continue;
      const iou = boxIou(boxes.foundBoxes[image]!, row, boxes.truthBoxes[image]!, g);
      if (iou > overlap) [best, overlap] = [g, iou];
    }
    const found = best >= 0 && overlap >= boxes.iou;
    if (found && isDifficult(truth, best)) continue;
    const key = `${image} ${best}`;
    verdicts.push(found && !taken.has(key));
    if (found) taken.add(key);
  }
  return verdicts;
}

const ELEVEN_POINTS = Array.from({ length: 11 }, (_, i) => i / 10);

function averagePrecisions(verdicts: readonly boolean[], objects: number): { area: number; elevenPoints: number } {
  // Precision at each hit, made to fall: the best that is reached at this recall or beyond.
  const precision: number[] = [];
  for (const [i, hit] of verdicts.entries()) if (hit) precision.push((precision.length + 1) / (i + 1));
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  const area = precision.reduce((sum, value) => sum + value / objects, 0);
  // Recall k / objects is reached with hit k; the small number keeps 0.1 * 3 from asking for more than three of ten.
  const at = (recall: number) => precision[Math.max(Math.ceil(recall * objects - 1e-9), 1) - 1] ?? 0;
  const elevenPoints = ELEVEN_POINTS.reduce((sum, recall) => sum + at(recall), 0) / ELEVEN_POINTS.length;
  return { area, elevenPoints };
}

function xyxyFromXywh(boxes: ArrayLike<number>): Float64Array {
  return Float64Array.from(boxes, (value, i) => (i % 4 < 2 ? value : value + boxes[i - 2]!));
}
