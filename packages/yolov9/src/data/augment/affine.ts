/**
 * The random affine map of training: drawn, inverted, and applied to boxes. Which pixels it moves where is warp.ts.
 *
 * Two coordinates meet here. Pixels are sampled with OpenCV's convention, whole numbers at pixel centres; boxes are pixel edges, whole
 * numbers between pixels. Boxes therefore go through the map half a pixel shifted, so that they stay on their pixels at any scale.
 */

import type { AugmentConfig } from "./config.js";
import type { Random } from "./random.js";

/** x' = a x + b y + c, y' = d x + e y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface AffineDraw {
  /** Degrees, counter-clockwise as seen. */
  readonly angle: number;
  readonly scale: number;
  /** Degrees. */
  readonly shearX: number;
  readonly shearY: number;
  /** Where the centre of the canvas lands, as fractions of the output side. */
  readonly centreX: number;
  readonly centreY: number;
}

export function drawAffine(random: Random, { degrees, scale, shear, translate }: AugmentConfig): AffineDraw {
  return {
    angle: random.uniform(-degrees, degrees),
    scale: random.uniform(1 - scale, 1 + scale),
    shearX: random.uniform(-shear, shear),
    shearY: random.uniform(-shear, shear),
    centreX: random.uniform(0.5 - translate, 0.5 + translate),
    centreY: random.uniform(0.5 - translate, 0.5 + translate),
  };
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/** The map T·S·R·C from a square canvas to the square output: centre, rotate and scale, shear, move to the drawn place. */
export function affineMatrix(draw: AffineDraw, canvasSize: number, outputSize: number): Affine {
  const cos = draw.scale * Math.cos(radians(draw.angle));
  const sin = draw.scale * Math.sin(radians(draw.angle));
  const shearX = Math.tan(radians(draw.shearX));
  const shearY = Math.tan(radians(draw.shearY));
  const a = cos - shearX * sin;
  const b = sin + shearX * cos;
  const d = shearY * cos - sin;
  const e = shearY * sin + cos;
  const half = canvasSize / 2;
  return [a, b, draw.centreX * outputSize - (a + b) * half, d, e, draw.centreY * outputSize - (d + e) * half];
}

export function invert([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  return [
    e / determinant,
    -b / determinant,
    (b * f - c * e) / determinant,
    -d / determinant,
    a / determinant,
    (c * d - a * f) / determinant,
  ];
}

/** Which moved boxes are kept: the published recipe's limits. */
const MIN_SIDE = 2;
const MIN_AREA_RATIO = 0.1;
const MAX_ASPECT = 100;
const EPSILON = 1e-16;

/** Boxes that are being gathered for one training image: five numbers a row, class x1 y1 x2 y2, in output pixels. */
export type BoxList = number[];

/**
 * Move one box by the map, clip it to the output, and keep it unless too little is left of it.
 * @param box x1 y1 x2 y2 on the canvas, already clipped to it
 * @param scale of the map; what is left is compared with the box's scaled area
 */
export function pushMovedBox(
  boxes: BoxList,
  classIndex: number,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  [a, b, c, d, e, f]: Affine,
  scale: number,
  outputSize: number,
): void {
  const centreX = a * ((x1 + x2 - 1) / 2) + b * ((y1 + y2 - 1) / 2) + c + 0.5;
  const centreY = d * ((x1 + x2 - 1) / 2) + e * ((y1 + y2 - 1) / 2) + f + 0.5;
  // Extremes of the four moved corners around the moved centre.
  const halfWidth = (Math.abs(a) * (x2 - x1) + Math.abs(b) * (y2 - y1)) / 2;
  const halfHeight = (Math.abs(d) * (x2 - x1) + Math.abs(e) * (y2 - y1)) / 2;
  const left = Math.max(centreX - halfWidth, 0);
  const top = Math.max(centreY - halfHeight, 0);
  const right = Math.min(centreX + halfWidth, outputSize);
  const bottom = Math.min(centreY + halfHeight, outputSize);
  const width = right - left;
  const height = bottom - top;
  if (width <= MIN_SIDE || height <= MIN_SIDE) return;
  if (Math.max(width / height, height / width) >= MAX_ASPECT) return;
  const scaledArea = (x2 - x1) * scale * (y2 - y1) * scale;
  if ((width * height) / (scaledArea + EPSILON) <= MIN_AREA_RATIO) return;
  boxes.push(classIndex, left, top, right, bottom);
}
