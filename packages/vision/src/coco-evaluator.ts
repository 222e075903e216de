/**
 * COCO's figures for boxes, masks and keypoints, equal to those of the original COCO API. Numbers only: parsed COCO files come in through
 * coco-json.ts. For precision, recall and F1 at one confidence, as shown during training, see detection-metrics.ts.
 */

import { cocoKeypointResult, cocoResult, type CocoKeypointFigures, type CocoResult } from "./coco-figures.js";
import type { EvaluationImage, RowRange } from "./coco-precision.js";
import {
  checkEvaluationInput,
  type ImageDetections,
  type ImageTruth,
  type KeypointDetections,
  type KeypointTruth,
  type MaskDetections,
  type MaskTruth,
  type ObjectFlags,
} from "./evaluation-input.js";
import { keypointBox, keypointSimilarity, PERSON_SIGMAS } from "./keypoint-similarity.js";
import { boxesOverlap, overlappingRleIou, rleArea, rleBox } from "./rle.js";

export interface EvaluateBoxesOptions {
  /** `xyxy` corners (default) or COCO's own `xywh`, whose arithmetic is then reproduced to the last bit. */
  readonly boxFormat?: "xyxy" | "xywh";
}

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
  const toXywh = (boxes: ArrayLike<number>) => (boxFormat === "xywh" ? boxes : xywhFromXyxy(boxes));
  const truthBoxes = truths.map(({ boxes }) => toXywh(boxes));
  const foundBoxes = detections.map(({ boxes }) => toXywh(boxes));
  const images = truths.map((truth, i) =>
    evaluationImage(truth, detections[i]!, {
      truth: truth.areas ?? areasOf(truthBoxes[i]!),
      found: detections[i]!.areas ?? areasOf(foundBoxes[i]!),
    }),
  );
  return cocoResult({
    images,
    similarity(image, found, truth, out) {
      const { truthCrowd } = images[image]!;
      const a = foundBoxes[image]!;
      const b = truthBoxes[image]!;
      let to = 0;
      for (let d = found.from; d < found.to; d++) {
        for (let g = truth.from; g < truth.to; g++) {
          const row = truth.rows[g]!;
          out[to++] = cocoBoxIou(a, found.rows[d]!, b, row, truthCrowd[row] === 1);
        }
      }
    },
  });
}

/**
 * Evaluate detected masks.
 * @param truths one entry a picture
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together
 */
export function evaluateMasks(truths: readonly MaskTruth[], detections: readonly MaskDetections[]): CocoResult {
  checkEvaluationInput(truths, detections);
  const truthBoxes = truths.map(({ masks }) => masks.map(rleBox));
  const foundBoxes = detections.map(({ masks }) => masks.map(rleBox));
  const images = truths.map((truth, i) =>
    evaluationImage(truth, detections[i]!, {
      truth: truth.areas ?? truth.masks.map(rleArea),
      found: detections[i]!.areas ?? detections[i]!.masks.map(rleArea),
    }),
  );
  return cocoResult({
    images,
    similarity(image, found, truth, out) {
      const { truthCrowd } = images[image]!;
      let to = 0;
      for (const d of rowsOf(found)) {
        const mask = detections[image]!.masks[d]!;
        for (const g of rowsOf(truth)) {
          out[to++] = boxesOverlap(foundBoxes[image]![d]!, truthBoxes[image]![g]!)
            ? overlappingRleIou(mask, truths[image]!.masks[g]!, truthCrowd[g] === 1)
            : 0;
        }
      }
    },
  });
}

export interface EvaluateKeypointsOptions {
  /** How precisely each point can be annotated; default those of COCO's 17 points of a person. */
  readonly sigmas?: readonly number[];
}

/**
 * Evaluate detected keypoints.
 * @param truths one entry a picture; an object without annotated points is not counted
 * @param detections one entry a picture, in the same order
 * @throws RangeError when lists or arrays do not belong together, or an object has another number of points than there are sigmas
 */
export function evaluateKeypoints(
  truths: readonly KeypointTruth[],
  detections: readonly KeypointDetections[],
  { sigmas = PERSON_SIGMAS }: EvaluateKeypointsOptions = {},
): CocoResult<CocoKeypointFigures> {
  checkEvaluationInput(truths, detections);
  checkPoints(truths, sigmas.length, "truth");
  checkPoints(detections, sigmas.length, "detections");
  const images = truths.map((truth, i) =>
    evaluationImage(truth, detections[i]!, {
      truth: truth.areas ?? areasOf(truth.boxes),
      found: detections[i]!.areas ?? areasOf(detections[i]!.keypoints.flatMap(keypointBox)),
    }),
  );
  return cocoKeypointResult({
    images,
    similarity(image, found, truth, out) {
      const { keypoints, boxes } = truths[image]!;
      let to = 0;
      const objects = Array.from(rowsOf(truth), (g) => ({
        keypoints: keypoints[g]!,
        box: [boxes[g * 4]!, boxes[g * 4 + 1]!, boxes[g * 4 + 2]!, boxes[g * 4 + 3]!] as const,
        area: images[image]!.truthAreas[g]!,
      }));
      for (const d of rowsOf(found)) {
        const points = detections[image]!.keypoints[d]!;
        for (const object of objects) out[to++] = keypointSimilarity(points, object, sigmas);
      }
    },
  });
}

function checkPoints(
  images: readonly { readonly keypoints: readonly ArrayLike<number>[] }[],
  points: number,
  what: string,
): void {
  for (const [image, { keypoints }] of images.entries()) {
    const wrong = keypoints.find(({ length }) => length !== points * 3);
    if (wrong === undefined) continue;
    throw new RangeError(
      `${what} of picture ${image}: an object has ${wrong.length} keypoint numbers, but ${points} sigmas need ${points * 3}`,
    );
  }
}

function rowsOf({ rows, from, to }: RowRange): Int32Array {
  return rows.subarray(from, to);
}

function evaluationImage(
  truth: ObjectFlags,
  found: { readonly classes: ArrayLike<number>; readonly scores: ArrayLike<number> },
  areas: { readonly truth: ArrayLike<number>; readonly found: ArrayLike<number> },
): EvaluationImage {
  const crowd = truth.crowd ?? new Uint8Array(truth.classes.length);
  return {
    truthClasses: truth.classes,
    truthAreas: areas.truth,
    truthCrowd: crowd,
    truthIgnored: truth.ignored ?? crowd,
    truthUncredited: truth.uncredited,
    detectionClasses: found.classes,
    detectionAreas: areas.found,
    detectionScores: found.scores,
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
