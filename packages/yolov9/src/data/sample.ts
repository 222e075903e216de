/**
 * What every data format is turned into: samples (one image and its boxes) in named splits, and the problems met on the way.
 * Only shapes of data: reading is in formats/, pixels in decode.ts.
 */

export type SplitName = "train" | "val" | "test";

export const SPLIT_NAMES: readonly SplitName[] = ["train", "val", "test"];

/** One image and what is known of it. Boxes are pixel edges in the image as it is looked at, after its EXIF orientation. */
export interface Sample {
  /** COCO's image id, else the file's name without extension. */
  readonly id: number | string;
  /** Absolute path of the image. */
  readonly path: string;
  readonly width: number;
  readonly height: number;
  /** [n*4] x1 y1 x2 y2 in pixels. */
  readonly boxes: Float32Array;
  /** [n] index into the dataset's names. */
  readonly classes: Int32Array;
  /** [n] 1 where a row marks a region that is neither target nor error: a COCO crowd or a VOC "difficult" object. */
  readonly crowd: Uint8Array;
  /** [n] in square pixels: the annotation's own area where it has one (COCO), else the box's. */
  readonly areas: Float64Array;
  /** [n] outlines as rings of x y in pixels; an empty list for a row that is only a box. Absent when no row has one. */
  readonly polygons?: readonly (readonly Float32Array[])[];
  /** [n*K*3] x y in pixels and visibility 0 (unlabelled), 1 (hidden), 2 (visible); absent when no row has any. */
  readonly keypoints?: Float32Array;
}

/** Something in the data that was left out, and why. Files are never repaired or written to. */
export interface Problem {
  readonly file: string;
  /** 1-based, where the file has lines. */
  readonly line?: number;
  readonly reason: string;
}

export interface Dataset {
  readonly format: string;
  /** Absolute folder that the dataset's paths start from. */
  readonly root: string;
  readonly names: readonly string[];
  readonly splits: Readonly<Partial<Record<SplitName, readonly Sample[]>>>;
  readonly problems: readonly Problem[];
  /** COCO: the category id of each class index. */
  readonly categoryIds?: readonly number[];
  /** Of every object: how many keypoints, what they are called, and the index of point i after a left-right flip. */
  readonly keypoints?: {
    readonly count: number;
    readonly names?: readonly string[];
    readonly flip?: readonly number[];
  };
}

/** A dataset that cannot be used at all. The message says which file or folder, what is wrong and what to do. */
export class DatasetError extends Error {
  override name = "DatasetError";
}

/** `labels/42.txt:3: class 7 …`, the way problems are printed. */
export function problemText({ file, line, reason }: Problem): string {
  return `${file}${line === undefined ? "" : `:${line}`}: ${reason}`;
}
