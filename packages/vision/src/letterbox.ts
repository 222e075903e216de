/**
 * Letterbox geometry: how a picture is scaled, with its aspect ratio kept, to fit into the model's input, and how boxes go there and
 * back. Numbers only; the pixels are moved by `letterboxImage` in image.ts.
 */

export interface LetterboxGeometry {
  /** Size of the target in pixels. */
  readonly width: number;
  readonly height: number;
  /** Scale from source to target pixels, before the resized size is rounded to whole pixels. */
  readonly ratio: number;
  /** Size of the picture inside the target. */
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  /** Columns and rows of padding before the picture; what is left goes after it. */
  readonly padLeft: number;
  readonly padTop: number;
}

export interface LetterboxOptions {
  /** Whether a picture smaller than the target is enlarged. Default true. */
  readonly scaleUp?: boolean;
}

/** Nearest integer, exact halves to the even one: the rounding by which published models were trained and measured. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Fit a picture into a target. Padding that cannot be halved has its extra pixel at the right and bottom.
 * @param sourceWidth, sourceHeight, targetWidth, targetHeight in pixels
 * @throws RangeError when a size is not a positive number
 */
export function letterboxGeometry(
  sourceWidth: number,
  sourceHeight: number,
  targetWidth: number,
  targetHeight: number,
  { scaleUp = true }: LetterboxOptions = {},
): LetterboxGeometry {
  if (!(sourceWidth > 0 && sourceHeight > 0 && targetWidth > 0 && targetHeight > 0)) {
    throw new RangeError(
      `letterbox of ${sourceWidth}x${sourceHeight} into ${targetWidth}x${targetHeight}: every size must be positive`,
    );
  }
  let ratio = Math.min(targetHeight / sourceHeight, targetWidth / sourceWidth);
  if (!scaleUp) ratio = Math.min(ratio, 1);
  const resizedWidth = Math.max(1, roundHalfEven(sourceWidth * ratio));
  const resizedHeight = Math.max(1, roundHalfEven(sourceHeight * ratio));
  return {
    width: targetWidth,
    height: targetHeight,
    ratio,
    resizedWidth,
    resizedHeight,
    padLeft: Math.max(0, Math.round((targetWidth - resizedWidth) / 2 - 0.1)),
    padTop: Math.max(0, Math.round((targetHeight - resizedHeight) / 2 - 0.1)),
  };
}

/** Boxes from source pixels to target pixels. @param boxes [n*4] xyxy. @returns [n*4] xyxy, not clipped */
export function toLetterbox(boxes: ArrayLike<number>, geometry: LetterboxGeometry): Float32Array<ArrayBuffer> {
  const moved = new Float32Array(boxes.length);
  const { ratio, padLeft, padTop } = geometry;
  for (let i = 0; i < boxes.length; i++) moved[i] = boxes[i]! * ratio + (i % 2 === 0 ? padLeft : padTop);
  return moved;
}

/** Boxes from target pixels back to source pixels, clipped to the source. @param boxes [n*4] xyxy. @returns [n*4] xyxy */
export function fromLetterbox(
  boxes: ArrayLike<number>,
  geometry: LetterboxGeometry,
  sourceWidth: number,
  sourceHeight: number,
): Float32Array<ArrayBuffer> {
  const moved = new Float32Array(boxes.length);
  const { ratio, padLeft, padTop } = geometry;
  for (let i = 0; i < boxes.length; i++) {
    const horizontal = i % 2 === 0;
    const source = (boxes[i]! - (horizontal ? padLeft : padTop)) / ratio;
    moved[i] = Math.min(Math.max(source, 0), horizontal ? sourceWidth : sourceHeight);
  }
  return moved;
}
