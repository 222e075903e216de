/**
 * The work behind one batch: fetch pictures, augment or letterbox them, write them as planes into a given buffer, and list the targets. The
 * same class runs in the main thread and in workers; nothing here depends on which.
 */

import { LETTERBOX_PAD, toLetterbox, toPlanarBytes, xyxyToCxcywh } from "@yolov9/vision";
import type { LetterboxGeometry, RgbImage } from "@yolov9/vision";

import type { AugmentConfig } from "./augment/config.js";
import { plannedPictures, planSample } from "./augment/plan.js";
import { Renderer, type ImageShape, type Picture } from "./augment/render.js";
import { evaluationGeometry } from "./evaluation-geometry.js";
import { PictureStore, type Preparation, type SharedPictures } from "./picture-store.js";
import type { Problem } from "./sample.js";
import { rowsOf, type SampleTable } from "./sample-table.js";

/** What every thread of a loader is given once; plain and shared data only. */
export interface BatchSetup {
  readonly table: SampleTable;
  readonly pictures: SharedPictures;
  readonly imageSize: number;
  readonly seed: number;
  /** Present for training; absent for evaluation, which letterboxes. */
  readonly augment?: AugmentConfig;
  readonly scaleUp: boolean;
  /** Evaluation: whether batches are rectangles. Default false: squares. */
  readonly rect?: boolean;
  /** Whether training batches say the outlines of their objects. */
  readonly outlines: boolean;
  /** Index of each keypoint in a mirror image. */
  readonly keypointFlip?: readonly number[];
}

export interface BatchJob {
  /** Samples of the batch, in order. */
  readonly indices: Int32Array;
  readonly epoch: number;
  readonly mosaic: boolean;
  readonly shape: ImageShape;
  /** Receives the planes; at least indices.length * 3 * width * height bytes of the output. */
  readonly buffer: SharedArrayBuffer;
}

export interface BatchResult {
  /** Samples that the images were made of: in training a broken one's replacement stands here, in evaluation it is missing. */
  readonly indices: Int32Array;
  /** [n*6] image, class, cx, cy, w, h as fractions of the image. */
  readonly rows: Float32Array;
  /** [rows] in training, where they are asked for: rings of x y as fractions of the image, none for a row that is only a box. */
  readonly outlines: readonly (readonly Float32Array[])[];
  /** [rows*K*3] in training: x y as fractions of the image, and visibility. */
  readonly keypoints: Float32Array;
  readonly problems: Problem[];
  /** By the clock. */
  readonly milliseconds: number;
}

/** What making a batch gives, without what is added to every batch. */
type Made = Omit<BatchResult, "problems" | "milliseconds">;

export function preparationOf({
  augment,
  imageSize,
  scaleUp,
  rect = false,
}: Pick<BatchSetup, "augment" | "imageSize" | "scaleUp" | "rect">): Preparation {
  if (augment) return { kind: "fit", imageSize };
  return rect ? { kind: "rect", imageSize } : { kind: "letterbox", imageSize, scaleUp };
}

export class BatchMaker {
  readonly #setup: BatchSetup;
  readonly #store: PictureStore;
  readonly #renderer: Renderer;

  constructor(setup: BatchSetup) {
    this.#setup = setup;
    this.#store = new PictureStore(setup.table, preparationOf(setup), setup.pictures);
    this.#renderer = new Renderer(setup.keypointFlip);
  }

  /** @throws Error when training finds no image that can be decoded */
  async make(job: BatchJob): Promise<BatchResult> {
    const { augment } = this.#setup;
    const start = performance.now();
    const made = augment ? await this.#augmented(job, augment) : await this.#plain(job);
    return { ...made, problems: this.#store.takeProblems(), milliseconds: performance.now() - start };
  }

  async #augmented(job: BatchJob, config: AugmentConfig): Promise<Made> {
    const { indices, epoch, mosaic, shape, buffer } = job;
    const { seed, imageSize, table } = this.#setup;
    const context = { config, mosaic, imageSize, sampleCount: table.paths.length };
    const prepare = async (index: number) => {
      const plan = planSample({ seed, epoch, index }, context);
      const found = await Promise.all(plannedPictures(plan).map((i) => this.#pictureOrNext(i)));
      const own = found[plan.canvas.indices.indexOf(index)]!;
      return { plan, pictures: found, used: own.index };
    };
    const rows: number[] = [];
    const outlines: (readonly Float32Array[])[] = [];
    const keypoints: number[] = [];
    const used: number[] = [];
    let next = prepare(indices[0]!);
    for (let image = 0; image < indices.length; image++) {
      const { plan, pictures, used: index } = await next;
      used.push(index);
      // Decoders work on the next image's pictures while this thread renders.
      if (image + 1 < indices.length) next = prepare(indices[image + 1]!);
      const rendered = await this.#renderer.render(plan, pictures, shape, planesOf(buffer, image, shape.output));
      for (let i = 0; i < rendered.rows.length; i += 5) rows.push(image, ...rendered.rows.slice(i, i + 5));
      if (this.#setup.outlines) outlines.push(...rendered.outlines);
      keypoints.push(...rendered.keypoints);
    }
    return {
      indices: Int32Array.from(used),
      rows: Float32Array.from(rows),
      outlines,
      keypoints: Float32Array.from(keypoints),
    };
  }

  /** A picture; where it is broken, the next whole one of the dataset, so that any thread finds the same. */
  async #pictureOrNext(index: number): Promise<Picture & { index: number }> {
    const { table } = this.#setup;
    const count = table.paths.length;
    for (let offset = 0; offset < count; offset++) {
      const candidate = (index + offset) % count;
      const image = await this.#store.get(candidate);
      if (!image) continue;
      const sourceWidth = table.widths[candidate]!;
      const sourceHeight = table.heights[candidate]!;
      return { index: candidate, image, ...rowsOf(table, candidate), sourceWidth, sourceHeight };
    }
    const reason = await this.#store.reasonOf(index);
    throw new Error(`none of the ${count} images can be decoded (${table.paths[index]!}: ${reason})`);
  }

  async #plain({ indices, buffer, shape: { output } }: BatchJob): Promise<Made> {
    const { table } = this.#setup;
    const found = await Promise.all(
      Array.from(indices, async (index) => ({ index, picture: await this.#store.get(index) })),
    );
    const kept: number[] = [];
    const rows: number[] = [];
    for (const { index, picture } of found) {
      if (!picture) continue;
      const image = kept.push(index) - 1;
      const source = { width: table.widths[index]!, height: table.heights[index]! };
      const geometry = evaluationGeometry(source, output, this.#setup);
      place(picture, geometry, planesOf(buffer, image, output));
      const { boxes, classes } = rowsOf(table, index);
      const centred = xyxyToCxcywh(toLetterbox(boxes, geometry));
      classes.forEach((classIndex, row) => {
        const fractions = centred
          .subarray(row * 4, row * 4 + 4)
          .map((value, side) => value / (side % 2 === 0 ? output.width : output.height));
        rows.push(image, classIndex, ...fractions);
      });
    }
    return {
      indices: Int32Array.from(kept),
      rows: Float32Array.from(rows),
      outlines: [],
      keypoints: new Float32Array(),
    };
  }
}

function planesOf(buffer: SharedArrayBuffer, image: number, { width, height }: ImageShape["output"]): Uint8Array {
  const bytes = 3 * width * height;
  return new Uint8Array(buffer, image * bytes, bytes);
}

/** A picture as planes, with grey around it where it does not fill them. */
function place(picture: RgbImage, { width, height, padLeft, padTop }: LetterboxGeometry, out: Uint8Array): void {
  const fills = picture.width === width && picture.height === height;
  if (!fills) out.fill(LETTERBOX_PAD);
  toPlanarBytes(picture, out, fills ? undefined : { width, left: padLeft, top: padTop });
}
