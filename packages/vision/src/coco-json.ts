/**
 * COCO's annotation and result JSON, already parsed, evaluated as the original COCO API does. Reading files and checking their form is the
 * caller's; so is reading a whole data set (file names, problems by line).
 */

import { evaluateBoxes, evaluateKeypoints, evaluateMasks } from "./coco-evaluator.js";
import type { CocoKeypointFigures, CocoResult } from "./coco-figures.js";
import { boxInput, keypointInput, maskInput } from "./coco-input.js";
import { groupRows, type CocoAnnotations, type CocoDetection, type CocoRows, type SkippedRows } from "./coco-rows.js";
import type { ImageDetections, ImageTruth } from "./evaluation-input.js";

export const COCO_IOU_TYPES = ["bbox", "segm", "keypoints"] as const;
export type CocoIouType = (typeof COCO_IOU_TYPES)[number];

export interface EvaluateCocoOptions {
  /** What is compared. Default "bbox". */
  readonly iouType?: CocoIouType;
  /** Of keypoints; default those of COCO's persons. */
  readonly sigmas?: readonly number[] | undefined;
}

export interface CocoEvaluation {
  readonly iouType: CocoIouType;
  readonly result: CocoResult | CocoResult<CocoKeypointFigures>;
  readonly images: number;
  readonly skipped: SkippedRows;
  /** Objects with the id 0: what finds them counts as wrong, since the COCO API takes 0 for "nothing found". Number from 1. */
  readonly annotationsNumberedZero: number;
  /** Objects taken for a later one with the same id, as the COCO API does. Number each differently. */
  readonly annotationsReplaced: number;
}

/**
 * Evaluate parsed COCO files as the original COCO API does.
 * @throws RangeError when a detection is of a picture that is not listed, or a row lacks what the comparison needs
 */
export function evaluateCoco(
  annotations: CocoAnnotations,
  detections: readonly CocoDetection[],
  { iouType = "bbox", sigmas }: EvaluateCocoOptions = {},
): CocoEvaluation {
  const rows = groupRows(annotations, detections);
  const result = evaluators[iouType](rows, sigmas);
  return {
    iouType,
    result,
    images: rows.truth.length,
    skipped: rows.skipped,
    annotationsNumberedZero: rows.truth.flat().filter(({ id }) => id === 0).length,
    annotationsReplaced: rows.replaced,
  };
}

const evaluators: Readonly<
  Record<CocoIouType, (rows: CocoRows, sigmas?: readonly number[]) => CocoEvaluation["result"]>
> = {
  bbox: (rows) => {
    const { truths, detections } = boxInput(rows);
    return evaluateBoxes(truths, detections, { boxFormat: "xywh" });
  },
  segm: (rows) => {
    const { truths, detections } = maskInput(rows);
    return evaluateMasks(truths, detections);
  },
  keypoints: (rows, sigmas) => {
    const { truths, detections } = keypointInput(rows);
    return evaluateKeypoints(truths, detections, sigmas === undefined ? {} : { sigmas });
  },
};

/**
 * Box evaluator input with boxes x y w h, pictures by ascending id as in the COCO API.
 * @throws RangeError as `evaluateCoco`
 */
export function evaluationInputFromCoco(
  annotations: CocoAnnotations,
  detections: readonly CocoDetection[],
): { truths: ImageTruth[]; detections: ImageDetections[] } {
  return boxInput(groupRows(annotations, detections));
}
