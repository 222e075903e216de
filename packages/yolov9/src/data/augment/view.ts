/** The random view of training: how a canvas is seen through scale, rotation, shear, perspective and shift. Drawn here, sampled in warp.ts. */

import type { AugmentConfig } from "./config.js";
import { affine, compose, translation, type Homography } from "./homography.js";
import type { Random } from "./random.js";

export interface View {
  /** Degrees, counter-clockwise as seen. */
  readonly angle: number;
  readonly scale: number;
  /** Degrees. */
  readonly shearX: number;
  readonly shearY: number;
  /** Change of the divisor a canvas pixel. */
  readonly perspectiveX: number;
  readonly perspectiveY: number;
  /** Where the centre of the canvas lands, as fractions of the output. */
  readonly centreX: number;
  readonly centreY: number;
}

export function drawView(random: Random, { degrees, scale, shear, perspective, translate }: AugmentConfig): View {
  return {
    angle: random.uniform(-degrees, degrees),
    scale: random.uniform(1 - scale, 1 + scale),
    shearX: random.uniform(-shear, shear),
    shearY: random.uniform(-shear, shear),
    perspectiveX: random.uniform(-perspective, perspective),
    perspectiveY: random.uniform(-perspective, perspective),
    centreX: random.uniform(0.5 - translate, 0.5 + translate),
    centreY: random.uniform(0.5 - translate, 0.5 + translate),
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/** The map T·S·R·P·C from canvas to output: centre, perspective, rotate and scale, shear, move to the drawn place. */
export function viewMap(view: View, canvas: Size, output: Size): Homography {
  const cos = view.scale * Math.cos(radians(view.angle));
  const sin = view.scale * Math.sin(radians(view.angle));
  const place = translation(view.centreX * output.width, view.centreY * output.height);
  const shear = affine(1, Math.tan(radians(view.shearX)), 0, Math.tan(radians(view.shearY)), 1, 0);
  const turn = affine(cos, sin, 0, -sin, cos, 0);
  const perspective: Homography = [1, 0, 0, 0, 1, 0, view.perspectiveX, view.perspectiveY, 1];
  const centre = translation(-canvas.width / 2, -canvas.height / 2);
  return compose(place, shear, turn, perspective, centre);
}
