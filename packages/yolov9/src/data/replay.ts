/**
 * Makes single training images again: the one that a run with the same samples, seed and options makes of a sample in an epoch, pixel for
 * pixel, without making any other. For looking at augmentation and for finding out what a run has seen.
 */

import type { RgbImage } from "@yolov9/vision";

import type { AugmentConfig } from "./augment/config.js";
import { planSample, type SamplePlan } from "./augment/plan.js";
import { BatchMaker, preparationOf } from "./batch-maker.js";
import { BatchSchedule } from "./batch-schedule.js";
import { sharePictures } from "./picture-store.js";
import { packSamples } from "./sample-table.js";
import type { Sample } from "./sample.js";

export interface ReplayOptions {
  readonly imageSize: number;
  readonly augment: AugmentConfig;
  /** Default 0. */
  readonly seed?: number;
  /** Matters for `rect` and `multiScale`, whose images depend on what shares their batch. Default 16. */
  readonly batchSize?: number;
  readonly rect?: boolean;
  readonly multiScale?: number;
  readonly keypointFlip?: readonly number[];
}

/** A training image with what the network is told about it; everything as fractions of the image. */
export interface TrainingImage {
  readonly image: RgbImage;
  readonly plan: SamplePlan;
  /** [n*5] class cx cy w h. */
  readonly rows: readonly number[];
  /** [n] rings of x y; an empty list for a row that is only a box. */
  readonly outlines: readonly (readonly Float32Array[])[];
  /** [n*K*3] x y visibility. */
  readonly keypoints: Float32Array;
}

export class Replay {
  readonly #options: ReplayOptions;
  readonly #sampleCount: number;
  readonly #maker: BatchMaker;
  readonly #schedule: BatchSchedule;

  constructor(samples: readonly Sample[], options: ReplayOptions) {
    const { imageSize, augment, seed = 0, batchSize = 16, rect = false, multiScale = 0, keypointFlip } = options;
    this.#options = options;
    this.#sampleCount = samples.length;
    const table = packSamples(samples);
    const common = {
      table,
      imageSize,
      augment,
      seed,
      scaleUp: true,
      outlines: true,
      ...(keypointFlip && { keypointFlip }),
    };
    // Few images are made, so that nothing is kept of their pictures.
    this.#maker = new BatchMaker({ ...common, pictures: sharePictures(table, preparationOf(common), 0) });
    const order = { shuffle: true, dropLast: false };
    this.#schedule = new BatchSchedule(samples, { imageSize, batchSize, seed, rect, multiScale, ...order });
  }

  /**
   * @param index of the sample, from 0
   * @param mosaic whether mosaic, mixup and copy-paste are used as configured (true) or closed. Default true
   * @throws RangeError when there is no such sample. @throws Error when no image can be decoded
   */
  async image(epoch: number, index: number, { mosaic = true } = {}): Promise<TrainingImage> {
    if (!(index >= 0 && index < this.#sampleCount)) {
      throw new RangeError(
        `there is no image ${index}; the split has ${this.#sampleCount} (0..${this.#sampleCount - 1})`,
      );
    }
    const { seed = 0, augment, imageSize, rect = false } = this.#options;
    const { shape } = this.#schedule.epoch(epoch).find(({ indices }) => indices.includes(index))!;
    const { width, height } = shape.output;
    const buffer = new SharedArrayBuffer(3 * width * height);
    const open = mosaic && !rect;
    const made = await this.#maker.make({ indices: Int32Array.of(index), epoch, mosaic: open, shape, buffer });
    const context = { config: augment, sampleCount: this.#sampleCount, imageSize, mosaic: open };
    return {
      image: { data: interleaved(new Uint8Array(buffer)), width, height },
      plan: planSample({ seed, epoch, index }, context),
      rows: [...made.rows].filter((_, i) => i % 6 !== 0),
      outlines: made.outlines,
      keypoints: made.keypoints,
    };
  }
}

function interleaved(planes: Uint8Array): Uint8Array {
  const plane = planes.length / 3;
  return Uint8Array.from(planes, (_, i) => planes[(i % 3) * plane + Math.floor(i / 3)]!);
}
