/**
 * Batches of images of similar shape, each padded to the smallest rectangle of whole cells around its batch and half a cell more: how the
 * published figures were measured. Square batches, as in training and detection, are the `Loader`'s.
 */
import { LETTERBOX_PAD, resizeAreaInto, resizeBilinearInto, toLetterbox, xyxyToCxcywh } from "@yolov9/vision";
import type { LetterboxGeometry, RgbImage } from "@yolov9/vision";
import { decodeImage, type Batch, type Problem, type Sample } from "../data/index.js";
import { describeImageError } from "../data/image-files.js";
import { fittedSize } from "../data/picture-store.js";
import type { EvaluationBatches } from "./validate.js";

export interface RectangularOptions {
  /** The longer side of every image, in pixels. */
  readonly imageSize: number;
  readonly batchSize: number;
}

/** The largest stride of the models: sides are multiples of it. */
const CELL = 32;
/** Cells added to either side before rounding up. */
const PAD_CELLS = 0.5;

interface Shape {
  readonly width: number;
  readonly height: number;
}

export class RectangularBatches implements EvaluationBatches {
  readonly problems: Problem[] = [];
  readonly #batches: readonly (readonly Sample[])[];
  readonly #imageSize: number;

  constructor(samples: readonly Sample[], { imageSize, batchSize }: RectangularOptions) {
    const ordered = [...samples].sort((a, b) => a.height / a.width - b.height / b.width);
    const count = Math.ceil(samples.length / batchSize);
    this.#batches = Array.from({ length: count }, (_, i) => ordered.slice(i * batchSize, (i + 1) * batchSize));
    this.#imageSize = imageSize;
  }

  /** Flat images first, tall ones last. The next batch is decoded while this one is used. */
  async *batches(): AsyncGenerator<Batch, void, void> {
    const make = (index: number) => {
      const samples = this.#batches[index];
      const made = samples === undefined ? undefined : this.#make(samples);
      // A failure is thrown when its turn comes.
      made?.catch(() => undefined);
      return made;
    };
    let next = make(0);
    for (let index = 0; next !== undefined; index++) {
      const batch = await next;
      next = make(index + 1);
      if (batch.batchSize > 0) yield batch;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #make(samples: readonly Sample[]): Promise<Batch> {
    const { width, height } = rectangle(samples, this.#imageSize);
    const decoded = await Promise.all(samples.map((sample) => this.#decode(sample)));
    const found = samples.flatMap((sample, i) => (decoded[i] === undefined ? [] : [{ sample, image: decoded[i] }]));
    const images = new Uint8Array(found.length * 3 * width * height);
    const geometries = found.map(({ sample }) => placement(sample, this.#imageSize, { width, height }));
    const rows: number[] = [];
    for (const [i, { sample, image }] of found.entries()) {
      const planes = images.subarray(i * 3 * width * height, (i + 1) * 3 * width * height);
      writePlanes(placed(image, geometries[i]!), planes);
      rows.push(...targetRows(sample, geometries[i]!, i));
    }
    return {
      images,
      batchSize: found.length,
      width,
      height,
      targets: { rows: Float32Array.from(rows), imageCount: found.length, width, height },
      outlines: [],
      keypoints: new Float32Array(0),
      samples: found.map(({ sample }) => sample),
      geometries,
    };
  }

  async #decode({ path, width, height }: Sample): Promise<RgbImage | undefined> {
    try {
      const image = await decodeImage(path);
      if (image.width === width && image.height === height) return image;
      throw new Error(`decoded to ${image.width} x ${image.height} px but its header says ${width} x ${height}`);
    } catch (error) {
      this.problems.push({ file: path, reason: `${describeImageError(error)}; image skipped` });
      return undefined;
    }
  }
}

/** The rectangle of a batch: as flat as its tallest image allows, or as narrow as its widest. */
export function rectangle(samples: readonly Shape[], imageSize: number): Shape {
  const ratios = samples.map(({ width, height }) => height / width);
  const tallest = Math.max(...ratios);
  const flattest = Math.min(...ratios);
  const side = (share: number) => Math.ceil((share * imageSize) / CELL + PAD_CELLS) * CELL;
  return { height: side(Math.min(tallest, 1)), width: side(Math.min(1 / flattest, 1)) };
}

/** The image at its fitted size in the middle of the rectangle, an odd pixel of padding to the right and below. */
function placement(sample: Shape, imageSize: number, target: Shape): LetterboxGeometry {
  const { width: resizedWidth, height: resizedHeight } = fittedSize(sample.width, sample.height, imageSize);
  return {
    ...target,
    ratio: imageSize / Math.max(sample.width, sample.height),
    resizedWidth,
    resizedHeight,
    padLeft: Math.round((target.width - resizedWidth) / 2 - 0.1),
    padTop: Math.round((target.height - resizedHeight) / 2 - 0.1),
  };
}

/** Areas are averaged when an image shrinks, pixels interpolated when it grows. */
function placed(image: RgbImage, { width, height, ratio, ...at }: LetterboxGeometry): RgbImage {
  const data = new Uint8Array(width * height * 3).fill(LETTERBOX_PAD);
  const target = {
    data,
    width: at.resizedWidth,
    height: at.resizedHeight,
    stride: width * 3,
    offset: (at.padTop * width + at.padLeft) * 3,
  };
  if (ratio > 1) resizeBilinearInto(image, target);
  else resizeAreaInto(image, target);
  return { data, width, height };
}

function writePlanes({ data }: RgbImage, planes: Uint8Array): void {
  const size = planes.length / 3;
  for (let pixel = 0, from = 0; pixel < size; pixel++, from += 3) {
    planes[pixel] = data[from]!;
    planes[pixel + size] = data[from + 1]!;
    planes[pixel + 2 * size] = data[from + 2]!;
  }
}

/** image, class, cx, cy, w, h as fractions of the rectangle; crowds are no targets. */
function targetRows({ boxes, classes, crowd }: Sample, geometry: LetterboxGeometry, image: number): number[] {
  const centred = xyxyToCxcywh(toLetterbox(boxes, geometry));
  return Array.from(classes).flatMap((classIndex, row) => {
    if (crowd[row] !== 0) return [];
    const box = Array.from(centred.subarray(row * 4, row * 4 + 4), (value, side) =>
      side % 2 === 0 ? value / geometry.width : value / geometry.height,
    );
    return [image, classIndex, ...box];
  });
}
