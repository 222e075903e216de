/**
 * Decoded pictures by sample index, scaled to the size in which the loader uses them, kept in memory that all threads share as far as a
 * budget reaches. Whoever needs a picture first decodes it; two threads that do so at once write the same bytes.
 */

import { letterboxImage, MAX_PIXELS, resizeArea, resizeBilinear, type RgbImage } from "@yolov9/vision";

import { decodeImage } from "./decode.js";
import { describeImageError } from "./image-files.js";
import { openPictureDisk, readPicture, writePicture, type DiskBudget, type PictureDisk } from "./picture-disk.js";
import type { Problem } from "./sample.js";
import type { SampleTable } from "./sample-table.js";

/** How a picture is scaled before it is kept. */
export type Preparation =
  /** Longer side = imageSize, for augmentation. */
  | { readonly kind: "fit"; readonly imageSize: number }
  /** The same, areas averaged where the picture shrinks, for evaluation in rectangles. */
  | { readonly kind: "rect"; readonly imageSize: number }
  /** Letterboxed to a square of imageSize, for evaluation. */
  | { readonly kind: "letterbox"; readonly imageSize: number; readonly scaleUp: boolean };

/** Memory shared by the stores of all threads; plain data. */
export interface SharedPictures {
  readonly bytes: SharedArrayBuffer;
  /** [n] where each picture lies in `bytes`; negative when it is not kept. */
  readonly offsets: Float64Array;
  /** [n] KEPT, BROKEN, or 0 while nobody has asked for the picture. */
  readonly states: Int32Array;
  /** Where pictures that memory does not hold are kept, if anywhere. */
  readonly disk?: PictureDisk;
}

const KEPT = 1;
const BROKEN = 2;

/**
 * Size of a picture whose longer side becomes `imageSize`; the shorter side drops fractions, as in the published recipe.
 */
export function fittedSize(width: number, height: number, imageSize: number): { width: number; height: number } {
  const ratio = imageSize / Math.max(width, height);
  if (width >= height) return { width: imageSize, height: Math.max(1, Math.trunc(height * ratio)) };
  return { width: Math.max(1, Math.trunc(width * ratio)), height: imageSize };
}

/** Size of what is kept of sample `index`. */
function preparedSize({ widths, heights }: SampleTable, index: number, preparation: Preparation) {
  const { kind, imageSize } = preparation;
  if (kind === "letterbox") return { width: imageSize, height: imageSize };
  return fittedSize(widths[index]!, heights[index]!, imageSize);
}

/** Lay out memory for as many pictures, from the first on, as `budget` bytes hold, and a disk, if given, for the next ones. */
export function sharePictures(
  table: SampleTable,
  preparation: Preparation,
  budget: number,
  diskBudget?: DiskBudget,
): SharedPictures {
  const count = table.paths.length;
  const offsets = new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
  let used = 0;
  for (let index = 0; index < count; index++) {
    const { width, height } = preparedSize(table, index, preparation);
    const size = width * height * 3;
    offsets[index] = used + size <= budget ? used : -1;
    if (used + size <= budget) used += size;
  }
  const states = new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  const shared = { bytes: new SharedArrayBuffer(used), offsets, states };
  if (!diskBudget) return shared;
  const rest = table.paths.map((path, index) => {
    const { width, height } = preparedSize(table, index, preparation);
    return offsets[index]! < 0 ? { path, bytes: width * height * 3 } : undefined;
  });
  return { ...shared, disk: openPictureDisk(diskBudget, rest, preparation) };
}

/** One thread's view of the pictures. */
export class PictureStore {
  readonly #table: SampleTable;
  readonly #preparation: Preparation;
  readonly #shared: SharedPictures;
  readonly #underway = new Map<number, Promise<RgbImage | undefined>>();
  #problems: Problem[] = [];

  constructor(table: SampleTable, preparation: Preparation, shared: SharedPictures) {
    this.#table = table;
    this.#preparation = preparation;
    this.#shared = shared;
  }

  /** The prepared picture, or undefined when it cannot be decoded; then `takeProblems` says why. */
  async get(index: number): Promise<RgbImage | undefined> {
    const state = Atomics.load(this.#shared.states, index);
    if (state === BROKEN) return undefined;
    if (state === KEPT) return this.#kept(index);
    let underway = this.#underway.get(index);
    if (!underway) {
      underway = this.#decode(index).finally(() => this.#underway.delete(index));
      this.#underway.set(index, underway);
    }
    return underway;
  }

  /** Problems met since the last call. */
  takeProblems(): Problem[] {
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  /** Why a broken picture cannot be used. It is looked at once more, since another thread may have met it. */
  async reasonOf(index: number): Promise<string> {
    try {
      await this.#fromDiskOrFile(index);
      return "could not be decoded before";
    } catch (error) {
      return describeImageError(error);
    }
  }

  #kept(index: number): RgbImage {
    const { width, height } = preparedSize(this.#table, index, this.#preparation);
    const { bytes, offsets } = this.#shared;
    return { data: new Uint8Array(bytes, offsets[index], width * height * 3), width, height };
  }

  async #decode(index: number): Promise<RgbImage | undefined> {
    try {
      const image = await this.#fromDiskOrFile(index);
      if (this.#shared.offsets[index]! < 0) return image;
      const kept = this.#kept(index);
      kept.data.set(image.data);
      Atomics.store(this.#shared.states, index, KEPT);
      return kept;
    } catch (error) {
      Atomics.store(this.#shared.states, index, BROKEN);
      this.#problems.push({ file: this.#table.paths[index]!, reason: `${describeImageError(error)}; image skipped` });
      return undefined;
    }
  }

  async #fromDiskOrFile(index: number): Promise<RgbImage> {
    const { disk } = this.#shared;
    const path = this.#table.paths[index]!;
    // Opening the data set let pass what its header said; a file that has become larger since is not decoded.
    const maxPixels = Math.max(MAX_PIXELS, this.#table.widths[index]! * this.#table.heights[index]!);
    const decode = async () => this.#prepare(await decodeImage(path, { maxPixels }), index);
    if (disk?.wanted[index] !== 1) return decode();
    const { width, height } = preparedSize(this.#table, index, this.#preparation);
    const kept = await readPicture(disk, path, this.#preparation, width * height * 3);
    if (kept) return { data: kept, width, height };
    const image = await decode();
    await writePicture(disk, path, this.#preparation, image.data);
    return image;
  }

  #prepare(image: RgbImage, index: number): RgbImage {
    const width = this.#table.widths[index]!;
    const height = this.#table.heights[index]!;
    if (image.width !== width || image.height !== height) {
      throw new Error(`decoded to ${image.width} x ${image.height} px but its header says ${width} x ${height}`);
    }
    const preparation = this.#preparation;
    const { imageSize } = preparation;
    if (preparation.kind === "letterbox") {
      const { scaleUp } = preparation;
      return letterboxImage(image, imageSize, imageSize, { scaleUp, kernel: "auto" }).image;
    }
    const fitted = fittedSize(width, height, imageSize);
    const shrinks = Math.max(width, height) > imageSize;
    const resize = preparation.kind === "rect" && shrinks ? resizeArea : resizeBilinear;
    return resize(image, fitted.width, fitted.height);
  }
}
