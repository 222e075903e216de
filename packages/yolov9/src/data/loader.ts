/**
 * Batches of images and targets, made ahead of their use by worker threads. Results depend on (samples, options, epoch) and never on the
 * number of workers. With `augment` it serves training; without, evaluation: letterboxed squares, or rectangles, and the geometry that leads back.
 */

import { availableParallelism } from "node:os";

import type { LetterboxGeometry } from "@yolov9/vision";

import type { Targets } from "../loss/targets.js";
import type { AugmentConfig } from "./augment/config.js";
import type { ImageShape } from "./augment/render.js";
import { preparationOf, type BatchResult, type BatchSetup } from "./batch-maker.js";
import { BatchSchedule } from "./batch-schedule.js";
import { evaluationGeometry } from "./evaluation-geometry.js";
import type { DiskBudget } from "./picture-disk.js";
import { sharePictures } from "./picture-store.js";
import { packSamples } from "./sample-table.js";
import type { Problem, Sample } from "./sample.js";
import { InProcessExecutor, WorkerPool, type BatchExecutor } from "./worker-pool.js";

export interface LoaderOptions {
  /** Side of the square images in pixels. */
  readonly imageSize: number;
  readonly batchSize: number;
  /** Present for training. */
  readonly augment?: AugmentConfig;
  /** Default 0. */
  readonly seed?: number;
  /** Threads; 0 works in the calling thread. Default: one a core, at most 4. */
  readonly workers?: number;
  /** Whether each epoch has its own order. Default false. */
  readonly shuffle?: boolean;
  /** Whether a last batch that is not full is left out. Default false. */
  readonly dropLast?: boolean;
  /**
   * Whether batches are made of images of like aspect ratio and as narrow as these allow: in training without mosaic, in evaluation with half a
   * cell of padding, as the published figures were measured. Default false.
   */
  readonly rect?: boolean;
  /** Training: each batch is up to this fraction smaller or larger than `imageSize`. Default 0. */
  readonly multiScale?: number;
  /** Training: whether batches say the outlines of their objects. Default false. */
  readonly outlines?: boolean;
  /** Index of each keypoint in a mirror image. Default: they keep their places. */
  readonly keypointFlip?: readonly number[];
  /** Evaluation in squares: whether small pictures are enlarged. Default true. */
  readonly letterbox?: { readonly scaleUp?: boolean };
  /** Most bytes of decoded pictures that are kept between epochs. Default 2 GiB, at most half of the free memory. */
  readonly cacheBytes?: number;
  /** Folder and size of a second cache, on disk, for the pictures that memory does not hold. Default: none. */
  readonly diskCache?: DiskBudget;
}

export interface Batch {
  /** [batchSize*3*height*width] planes R, G, B, 0 … 255. Valid until the next batch is asked for: then the memory is used again. */
  readonly images: Uint8Array;
  readonly batchSize: number;
  readonly width: number;
  readonly height: number;
  readonly targets: Targets;
  /** [rows of targets] in training, where they are asked for: rings of x y as fractions of the image, none for a row that is only a box. */
  readonly outlines: readonly (readonly Float32Array[])[];
  /** [rows of targets * K * 3] in training: x y as fractions of the image, and visibility; empty where the data has none. */
  readonly keypoints: Float32Array;
  /** [batchSize] the sample that each image was made of; of a mosaic, the one that it was made for. */
  readonly samples: readonly Sample[];
  /** [batchSize] in evaluation; empty in training. */
  readonly geometries: readonly LetterboxGeometry[];
  /** Time that its thread took to make it. */
  readonly makingMs: number;
}

export interface EpochOptions {
  /** Whether mosaic, mixup and copy-paste are used as configured (true) or closed. Default true. */
  readonly mosaic?: boolean;
  /** To go on within an epoch: batches before this one are not made. Default 0. */
  readonly firstBatch?: number;
}

const DEFAULT_CACHE_BYTES = 2 * 1024 ** 3;
const DEFAULT_MOST_WORKERS = 4;
/** Padding of rectangles in the published evaluation. */
const EVALUATION_PAD_CELLS = 0.5;

export class Loader {
  readonly #samples: readonly Sample[];
  readonly #options: LoaderOptions;
  readonly #setup: BatchSetup;
  readonly #schedule: BatchSchedule;
  #workers: number;
  readonly #problems: Problem[] = [];
  readonly #reported = new Set<string>();
  readonly #freeBuffers: SharedArrayBuffer[] = [];
  #executor: BatchExecutor | undefined;
  #closed = false;

  /** @throws RangeError when there are no samples or a number is out of range */
  constructor(samples: readonly Sample[], options: LoaderOptions) {
    const { imageSize, batchSize, augment, seed = 0, letterbox: { scaleUp = true } = {} } = options;
    if (samples.length === 0) throw new RangeError("a loader needs at least one sample");
    for (const [name, value] of Object.entries({ imageSize, batchSize })) {
      if (!(Number.isInteger(value) && value > 0))
        throw new RangeError(`${name} is ${value}; give a whole number above 0`);
    }
    this.#samples = samples;
    this.#options = options;
    this.#workers = options.workers ?? Math.min(availableParallelism(), DEFAULT_MOST_WORKERS);
    const table = packSamples(samples);
    const { outlines = false, keypointFlip, rect = false } = options;
    const common = {
      imageSize,
      seed,
      scaleUp,
      outlines,
      rect,
      ...(augment && { augment }),
      ...(keypointFlip && { keypointFlip }),
    };
    const budget = options.cacheBytes ?? Math.min(DEFAULT_CACHE_BYTES, process.availableMemory() / 2);
    this.#setup = {
      ...common,
      table,
      pictures: sharePictures(table, preparationOf(common), budget, options.diskCache),
    };
    this.#schedule = new BatchSchedule(samples, {
      imageSize,
      batchSize,
      seed,
      shuffle: options.shuffle ?? false,
      dropLast: options.dropLast ?? false,
      rect,
      padCells: rect && !augment ? EVALUATION_PAD_CELLS : 0,
      multiScale: augment === undefined ? 0 : (options.multiScale ?? 0),
    });
  }

  /** Images that could not be decoded so far, each once. In evaluation they are missing from the batches. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Threads that make batches; 0 where the calling thread does. */
  get workers(): number {
    return this.#workers;
  }

  /** May be changed at any time, but not from or to 0. @throws RangeError for that */
  set workers(count: number) {
    if (count === this.#workers) return;
    if (!Number.isInteger(count) || count < 1 || this.#workers === 0)
      throw new RangeError(`a loader of ${this.#workers} threads cannot go on with ${count}`);
    this.#workers = count;
    this.#executor?.resize(count);
  }

  /** Batches in an epoch, as far as no image of an evaluation turns out broken. */
  get batchCount(): number {
    return this.#schedule.length;
  }

  /**
   * The batches of an epoch, in order. A few are made ahead; leaving the loop early is fine, and closing the loader ends it.
   * @throws Error when a thread dies or no image can be decoded
   */
  async *batches(
    epoch: number,
    { mosaic = true, firstBatch = 0 }: EpochOptions = {},
  ): AsyncGenerator<Batch, void, void> {
    if (this.#closed) throw new Error("this loader is closed");
    this.#executor ??=
      this.#workers > 0 ? new WorkerPool(this.#setup, this.#workers) : new InProcessExecutor(this.#setup);
    const executor = this.#executor;
    const schedule = this.#schedule.epoch(epoch);
    const underway: { made: Promise<BatchResult>; buffer: SharedArrayBuffer; shape: ImageShape }[] = [];
    let next = firstBatch;
    const start = () => {
      const buffer = this.#freeBuffers.pop() ?? new SharedArrayBuffer(this.#mostBytes);
      const { indices, shape } = schedule[next++]!;
      const made = executor.run({ indices, epoch, mosaic: mosaic && !this.#options.rect, shape, buffer });
      // Failures are thrown when their turn comes; one that fails earlier must not count as unhandled.
      made.catch(() => undefined);
      underway.push({ made, buffer, shape });
    };
    try {
      for (let index = firstBatch; index < this.batchCount && this.#isOpen(); index++) {
        const ahead = this.#workers > 0 ? this.#workers + 1 : 1;
        while (next < this.batchCount && underway.length < ahead) start();
        const { made, buffer, shape } = underway[0]!;
        const result = await made;
        underway.shift();
        this.#report(result.problems);
        try {
          if (result.indices.length > 0) yield this.#batch(result, buffer, shape);
        } finally {
          this.#freeBuffers.push(buffer);
        }
      }
    } finally {
      // Left early or failed: what is still being made gives its buffer back when it is done.
      for (const { made, buffer } of underway) {
        const free = () => void this.#freeBuffers.push(buffer);
        made.then(free, free);
      }
    }
  }

  /** Ends the threads once their work underway is done. The loader cannot be used afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    const executor = this.#executor;
    this.#executor = undefined;
    await executor?.close();
    this.#freeBuffers.length = 0;
  }

  /** A question anew each time: others may close the loader while a batch is awaited. */
  #isOpen(): boolean {
    return !this.#closed;
  }

  /** Of a batch. */
  get #mostBytes(): number {
    return 3 * this.#options.batchSize * this.#schedule.mostPixels;
  }

  #report(problems: readonly Problem[]): void {
    for (const problem of problems) {
      if (this.#reported.has(problem.file)) continue;
      this.#reported.add(problem.file);
      this.#problems.push(problem);
    }
  }

  #batch(
    { indices, rows, outlines, keypoints, milliseconds }: BatchResult,
    buffer: SharedArrayBuffer,
    { output }: ImageShape,
  ): Batch {
    const samples = Array.from(indices, (index) => this.#samples[index]!);
    return {
      images: new Uint8Array(buffer, 0, indices.length * 3 * output.width * output.height),
      batchSize: indices.length,
      ...output,
      targets: { rows, imageCount: indices.length, ...output },
      outlines,
      keypoints,
      samples,
      geometries: this.#setup.augment ? [] : samples.map((sample) => evaluationGeometry(sample, output, this.#setup)),
      makingMs: milliseconds,
    };
  }
}
