/**
 * Everything random about one training image, drawn before any pixel is touched. A plan depends on (seed, epoch, index) and the
 * configuration alone, so it is the same on any thread, and it says beforehand which pictures must be decoded.
 */

import { drawAffine, type AffineDraw } from "./affine.js";
import { drawHsv, type HsvGains } from "./color.js";
import type { AugmentConfig } from "./config.js";
import type { Random } from "./random.js";

/** Four pictures around a centre on a canvas of twice the image size: top left, top right, bottom left, bottom right. */
export interface MosaicPlan {
  readonly kind: "mosaic";
  readonly indices: readonly number[];
  readonly centreX: number;
  readonly centreY: number;
  readonly affine: AffineDraw;
}

/** One picture centred on a canvas of the image size. */
export interface LetterboxPlan {
  readonly kind: "letterbox";
  readonly indices: readonly [number];
  readonly affine: AffineDraw;
}

export interface SamplePlan {
  readonly canvas: MosaicPlan | LetterboxPlan;
  /** A second mosaic that is blended in; `share` is the first one's weight, 0 … 1. */
  readonly blend?: { readonly canvas: MosaicPlan; readonly share: number };
  readonly hsv: HsvGains;
  readonly flip: { readonly leftRight: boolean; readonly upDown: boolean };
}

/** Mixup's weight is Beta(32, 32) distributed: nearly always close to one half. */
const MIXUP_BETA = 32;

export interface PlanContext {
  readonly config: AugmentConfig;
  readonly sampleCount: number;
  readonly imageSize: number;
  /** False in the last epochs, when mosaic and mixup are closed. */
  readonly mosaic: boolean;
}

export function planSample(random: Random, index: number, context: PlanContext): SamplePlan {
  const { config, sampleCount } = context;
  const canvas = drawCanvas(random, index, context);
  const blended = canvas.kind === "mosaic" && random.chance(config.mixup);
  return {
    canvas,
    ...(blended && {
      blend: {
        canvas: drawMosaic(random, random.integer(sampleCount), context),
        share: random.symmetricBeta(MIXUP_BETA),
      },
    }),
    hsv: drawHsv(random, config),
    flip: { upDown: random.chance(config.flipUpDown), leftRight: random.chance(config.flipLeftRight) },
  };
}

function drawCanvas(random: Random, index: number, context: PlanContext): MosaicPlan | LetterboxPlan {
  if (context.mosaic && random.chance(context.config.mosaic)) return drawMosaic(random, index, context);
  return { kind: "letterbox", indices: [index], affine: drawAffine(random, context.config) };
}

function drawMosaic(random: Random, index: number, { config, sampleCount, imageSize }: PlanContext): MosaicPlan {
  const centreX = Math.floor(random.uniform(imageSize / 2, (3 * imageSize) / 2));
  const centreY = Math.floor(random.uniform(imageSize / 2, (3 * imageSize) / 2));
  const indices = [index, ...Array.from({ length: 3 }, () => random.integer(sampleCount))];
  random.shuffle(indices);
  return { kind: "mosaic", indices, centreX, centreY, affine: drawAffine(random, config) };
}

/** Every picture that a plan needs; an index may occur twice. */
export function plannedPictures({ canvas, blend }: SamplePlan): number[] {
  return [...canvas.indices, ...(blend?.canvas.indices ?? [])];
}
