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

/** Boxes half a pixel aside, as the file's head explains. */
export function edgeMatrix([a, b, c, d, e, f]: Affine): Affine {
  return [a, b, c + 0.5 - (a + b) / 2, d, e, f + 0.5 - (d + e) / 2];
}
