/**
 * Which samples form the batches of an epoch, and how large their images are: shuffled or in order, rectangular, at several scales.
 * Depends on (samples, options, epoch) alone, so that any batch of any epoch can be told without making those before it.
 */

import { Random, shuffledOrder } from "./augment/random.js";
import type { ImageShape } from "./augment/render.js";

export interface ScheduleOptions {
  /** Side of square images, and longer side of rectangular ones, in pixels. */
  readonly imageSize: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Whether each epoch has its own order. */
  readonly shuffle: boolean;
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean;
  /** Whether batches are made of images of like aspect ratio and as narrow as these allow. */
  readonly rect: boolean;
  /** Cells of padding that either side of a rectangle has before it is rounded up. Default 0. */
  readonly padCells?: number;
  /** Each batch is up to this fraction smaller or larger than `imageSize`; 0 for none. */
  readonly multiScale: number;
}

export interface ScheduledBatch {
  /** Samples in order. */
  readonly indices: Int32Array;
  readonly shape: ImageShape;
}

/** Sides of images are multiples of the network's largest stride. */
const STRIDE = 32;

/** Keeps the random numbers of batches apart from those of samples. */
const MULTI_SCALE_STREAM = -2;

interface Size {
  readonly width: number;
  readonly height: number;
}

export class BatchSchedule {
  readonly #options: ScheduleOptions;
  readonly #sampleCount: number;
  /** Rectangular batches, which are the same in every epoch. */
  readonly #groups: readonly { readonly indices: Int32Array; readonly size: Size }[] | undefined;

  /** @param sizes of the samples' pictures, in pixels */
  constructor(sizes: readonly Size[], options: ScheduleOptions) {
    this.#options = options;
    this.#sampleCount = sizes.length;
    if (options.rect) this.#groups = rectangularGroups(sizes, options);
  }

  /** Batches an epoch. */
  get length(): number {
    const { batchSize, dropLast } = this.#options;
    const batches = this.#sampleCount / batchSize;
    return dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Pixels of the largest image that any epoch may have. */
  get mostPixels(): number {
    const { imageSize, multiScale, padCells = 0 } = this.#options;
    const square = multiScale === 0 && padCells === 0;
    const side = square ? imageSize : roundUp(imageSize * (1 + multiScale) + padCells * STRIDE);
    return side * side;
  }

  epoch(epoch: number): ScheduledBatch[] {
    const { shuffle, seed, imageSize, batchSize } = this.#options;
    const orderOf = (count: number) =>
      shuffle ? shuffledOrder(count, seed, epoch) : Int32Array.from({ length: count }, (_, index) => index);
    const square = { width: imageSize, height: imageSize };
    if (this.#groups) {
      const order = orderOf(this.#groups.length);
      return Array.from(order.subarray(0, this.length), (group, batch) => {
        const { indices, size } = this.#groups![group]!;
        return { indices, shape: this.#shape(size, epoch, batch) };
      });
    }
    const order = orderOf(this.#sampleCount);
    return Array.from({ length: this.length }, (_, batch) => ({
      indices: order.slice(batch * batchSize, (batch + 1) * batchSize),
      shape: this.#shape(square, epoch, batch),
    }));
  }

  #shape(nominal: Size, epoch: number, batch: number): ImageShape {
    const { multiScale, imageSize, seed } = this.#options;
    if (multiScale === 0) return { nominal, output: nominal };
    const smallest = Math.ceil((imageSize * (1 - multiScale)) / STRIDE);
    const largest = Math.floor((imageSize * (1 + multiScale)) / STRIDE);
    const random = new Random(seed, epoch, batch, MULTI_SCALE_STREAM);
    const scale = (Math.max(1, smallest + random.integer(largest - smallest + 1)) * STRIDE) / imageSize;
    return { nominal, output: { width: roundUp(nominal.width * scale), height: roundUp(nominal.height * scale) } };
  }
}

function roundUp(side: number): number {
  return Math.max(1, Math.ceil(side / STRIDE)) * STRIDE;
}

/** Batches of neighbours in the order of height / width; each is as narrow as its widest and as low as its highest image allow. */
function rectangularGroups(sizes: readonly Size[], { batchSize, imageSize, padCells = 0 }: ScheduleOptions) {
  const side = (share: number) => roundUp(imageSize * Math.min(1, share) + padCells * STRIDE);
  const ratios = sizes.map(({ width, height }) => height / width);
  const order = Int32Array.from(ratios.keys()).sort((a, b) => ratios[a]! - ratios[b]! || a - b);
  return Array.from({ length: Math.ceil(order.length / batchSize) }, (_, batch) => {
    const indices = order.slice(batch * batchSize, (batch + 1) * batchSize);
    const lowest = ratios[indices[0]!]!;
    const highest = ratios[indices.at(-1)!]!;
    return { indices, size: { width: side(1 / lowest), height: side(highest) } };
  });
}
