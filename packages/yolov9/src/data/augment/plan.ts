/**
 * Everything random about one training image, drawn before any pixel is touched. A plan depends on (seed, epoch, index) and the
 * configuration alone, so it is the same on any thread, can be made again at any time, and says beforehand which pictures must be decoded.
 */

import { drawHsv, type HsvGains } from "./color.js";
import type { AugmentConfig } from "./config.js";
import { drawEffects, type PlannedEffect } from "./effects/effects.js";
import { Random } from "./random.js";
import { drawView, type View } from "./view.js";

/** Objects with outlines that are pasted once more, mirrored. Which ones depends on the annotations, so they are drawn from `key` later. */
export interface CopyPastePlan {
  readonly share: number;
  readonly key: number;
}

/** One picture centred on a canvas of the image's size. */
export interface LetterboxPlan {
  readonly kind: "letterbox";
  readonly indices: readonly [number];
  readonly view: View;
}

/** Four pictures around a centre on a canvas of twice the size: top left, top right, bottom left, bottom right. */
export interface MosaicPlan {
  readonly kind: "mosaic";
  readonly indices: readonly number[];
  /** In pixels of the canvas. */
  readonly centreX: number;
  readonly centreY: number;
  readonly copyPaste: CopyPastePlan;
  readonly view: View;
}

/** Nine pictures in a ring around the first, on a canvas of three times the size of which a part of twice the size is taken. */
export interface NineMosaicPlan {
  readonly kind: "mosaic9";
  readonly indices: readonly number[];
  /** First column and row of that part. */
  readonly cropX: number;
  readonly cropY: number;
  readonly copyPaste: CopyPastePlan;
  readonly view: View;
}

export type CanvasPlan = LetterboxPlan | MosaicPlan | NineMosaicPlan;

export interface SamplePlan {
  readonly canvas: CanvasPlan;
  /** A second mosaic that is blended in; `share` is the first one's weight, 0 … 1. */
  readonly blend?: { readonly canvas: CanvasPlan; readonly share: number };
  /** In the order in which they act. */
  readonly effects: readonly PlannedEffect[];
  readonly hsv: HsvGains;
  readonly flip: { readonly leftRight: boolean; readonly upDown: boolean };
}

/** Mixup's weight is Beta(32, 32) distributed: nearly always close to one half. */
const MIXUP_BETA = 32;
const TILES = 4;
const NINE_TILES = 9;

/** Each part has random numbers of its own, so that switching one on or off leaves the others as they were. */
const STREAM = { canvas: 0, blend: 1, flip: 2, hsv: 3, effects: 4 } as const;

export interface PlanContext {
  readonly config: AugmentConfig;
  readonly sampleCount: number;
  readonly imageSize: number;
  /** False in the last epochs, when mosaic, mixup and copy-paste are closed. */
  readonly mosaic: boolean;
}

/** What an image's plan is drawn from. */
export interface SampleKey {
  readonly seed: number;
  readonly epoch: number;
  /** Of the sample in the data set. */
  readonly index: number;
}

export function planSample({ seed, epoch, index }: SampleKey, context: PlanContext): SamplePlan {
  const { config, sampleCount } = context;
  const stream = (number: number) => new Random(seed, epoch, index, number);
  const canvas = drawCanvas(stream(STREAM.canvas), index, context);
  const blend = stream(STREAM.blend);
  const blended = canvas.kind !== "letterbox" && blend.chance(config.mixup);
  const flip = stream(STREAM.flip);
  return {
    canvas,
    ...(blended && {
      blend: {
        share: blend.symmetricBeta(MIXUP_BETA),
        canvas: drawMosaic(blend, blend.integer(sampleCount), context),
      },
    }),
    effects: drawEffects(config, (number) => stream(STREAM.effects + number)),
    hsv: drawHsv(stream(STREAM.hsv), config),
    flip: { upDown: flip.chance(config.flipud), leftRight: flip.chance(config.fliplr) },
  };
}

function drawCanvas(random: Random, index: number, context: PlanContext): CanvasPlan {
  if (context.mosaic && random.chance(context.config.mosaic)) return drawMosaic(random, index, context);
  return { kind: "letterbox", indices: [index], view: drawView(random, context.config) };
}

function drawMosaic(random: Random, index: number, context: PlanContext): MosaicPlan | NineMosaicPlan {
  const { config, sampleCount, imageSize } = context;
  const nine = random.chance(config.mosaic9);
  const indices = [
    index,
    ...Array.from({ length: (nine ? NINE_TILES : TILES) - 1 }, () => random.integer(sampleCount)),
  ];
  const view = drawView(random, config);
  const copyPaste = { share: config.copyPaste, key: random.integer(2 ** 31) };
  if (nine) {
    const [cropX, cropY] = [random.integer(imageSize), random.integer(imageSize)];
    return { kind: "mosaic9", indices, cropX, cropY, copyPaste, view };
  }
  random.shuffle(indices);
  const centreX = Math.floor(random.uniform(imageSize / 2, (3 * imageSize) / 2));
  const centreY = Math.floor(random.uniform(imageSize / 2, (3 * imageSize) / 2));
  return { kind: "mosaic", indices, centreX, centreY, copyPaste, view };
}

/** Every picture that a plan needs; an index may occur twice. */
export function plannedPictures({ canvas, blend }: SamplePlan): number[] {
  return [...canvas.indices, ...(blend?.canvas.indices ?? [])];
}
