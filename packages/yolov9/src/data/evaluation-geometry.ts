/**
 * Where a picture lies in an image of an evaluation: letterboxed to a square, or at its fitted size in the middle of its batch's rectangle, which
 * is how the published figures were measured.
 */

import { letterboxGeometry, type LetterboxGeometry } from "@yolov9/vision";

import { fittedSize } from "./picture-store.js";

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface EvaluationPlacement {
  /** Side of squares, and longer side of pictures in rectangles. */
  readonly imageSize: number;
  /** Whether batches are rectangles. Default false. */
  readonly rect?: boolean;
  /** Squares: whether small pictures are enlarged. */
  readonly scaleUp: boolean;
}

/** @param picture its size in its file. @param target size of the batch's images */
export function evaluationGeometry(
  picture: Size,
  target: Size,
  { imageSize, rect = false, scaleUp }: EvaluationPlacement,
): LetterboxGeometry {
  if (!rect) return letterboxGeometry(picture.width, picture.height, target.width, target.height, { scaleUp });
  const { width: resizedWidth, height: resizedHeight } = fittedSize(picture.width, picture.height, imageSize);
  return {
    width: target.width,
    height: target.height,
    ratio: imageSize / Math.max(picture.width, picture.height),
    resizedWidth,
    resizedHeight,
    // An odd pixel of padding goes to the right and below.
    padLeft: Math.round((target.width - resizedWidth) / 2 - 0.1),
    padTop: Math.round((target.height - resizedHeight) / 2 - 0.1),
  };
}
