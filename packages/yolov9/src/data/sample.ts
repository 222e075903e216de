/**
 * What every data format is turned into: samples (one image and its boxes) in named splits, and the problems met on the way.
 * Only shapes of data: reading is in formats/, pixels in decode.ts.
 */

import { printable } from "../printable.js";

export type SplitName = "train" | "val" | "test";

export const SPLIT_NAMES: readonly SplitName[] = ["train", "val", "test"];

/** Edges in pixels. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

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
  /** [n] masks given as run lengths, as the source wrote them; absent when no row has one. */
  readonly masks?: readonly (RunLengths | undefined)[];
  /** [n] what else the source says of an object (`pose`, `truncated`, …); absent when no row says anything. */
  readonly attributes?: readonly (Attributes | undefined)[];
  /** [n] where each row was read; only when a data set is opened for a check. */
  readonly places?: readonly RowPlace[];
}

/** Where a row stands. */
export interface RowPlace {
  readonly file: string;
  /** 1-based, where the file has lines. */
  readonly line?: number;
  /** 0-based place of the row or object in its file. */
  readonly row?: number;
}

/** A mask in COCO's run-length form: runs of 0 and 1 in turns, column by column; a text is COCO's compressed form of them. */
export interface RunLengths {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The points that the objects of a data set have in common. */
export interface KeypointSet {
  readonly count: number;
  readonly names?: readonly string[];
  /** [count] index of the point that takes the place of point i after a left-right flip. */
  readonly flip?: readonly number[];
}

/** What can be wrong, for reports that count and for repairs. check/findings.ts says how severe each is. */
export type ProblemKind =
  | "image-missing"
  | "image-unreadable"
  | "image-tiny"
  | "image-huge"
  | "image-size-differs"
  | "image-unlisted"
  | "image-without-label"
  | "split-without-labels"
  | "label-unreadable"
  | "label-without-image"
  | "row-malformed"
  | "row-duplicate"
  | "class-unknown"
  | "box-no-area"
  | "box-outside"
  | "box-sticks-out"
  | "polygon-short"
  | "mask-malformed"
  | "keypoints-malformed"
  | "id-duplicate"
  | "id-unknown"
  | "link-cycle";

/** Something in the data that was left out or changed, and why. Files are never repaired or written to. */
export interface Problem extends RowPlace {
  readonly reason: string;
  readonly kind?: ProblemKind;
  /** Path of the image concerned, where `file` is another one. */
  readonly image?: string;
  /** x1 y1 x2 y2 in pixels of the image, where the trouble has a place. */
  readonly box?: Box;
}

export interface Dataset {
  readonly format: string;
  /** Absolute folder that the dataset's paths start from. */
  readonly root: string;
  readonly names: readonly string[];
  readonly splits: Readonly<Partial<Record<SplitName, readonly Sample[]>>>;
  /** What was left out. */
  readonly problems: readonly Problem[];
  /** What was used although it is odd, or used after a change. */
  readonly remarks: readonly Problem[];
  /** How it was understood where it does not say so itself: splits set apart, folders guessed, classes numbered. */
  readonly notes: readonly string[];
  /** The category id of each class index, where the source has ids (COCO). */
  readonly categoryIds?: readonly number[];
  readonly keypoints?: KeypointSet;
  /** Only when opened for a check. */
  readonly labelFiles?: LabelFiles;
}

/** Where a data set's labels were read, for writing repaired ones. */
export interface LabelFiles {
  /** Entries of the splits as a description has them, relative to the root. */
  readonly entries: Readonly<Partial<Record<SplitName, readonly string[]>>>;
  /** Each label file, and its path in a label folder of its own. */
  readonly files: ReadonlyMap<string, string>;
}

/** A dataset that cannot be used at all. The message says which file or folder, what is wrong and what to do. */
export class DatasetError extends Error {
  override name = "DatasetError";
}

/** `labels/42.txt:3: class 7 …`, the way problems are printed. */
export function problemText({ file, line, reason }: Pick<Problem, "file" | "line" | "reason">): string {
  return printable(`${file}${line === undefined ? "" : `:${line}`}: ${reason}`);
}

/** The box of one row. */
export function boxOf({ boxes }: Pick<Sample, "boxes">, row: number): Box {
  return [boxes[row * 4]!, boxes[row * 4 + 1]!, boxes[row * 4 + 2]!, boxes[row * 4 + 3]!];
}

/** Class indices by name; of a name that stands twice the first one counts. */
export function indicesOf(names: readonly string[]): ReadonlyMap<string, number> {
  const indices = new Map<string, number>();
  for (const [index, name] of names.entries()) if (!indices.has(name)) indices.set(name, index);
  return indices;
}

/** Names in a message: the first ones, and how many there are. */
export function namesInMessage(names: readonly string[], most = 20): string {
  const shown = names.slice(0, most).map((name) => quoted(name).slice(1, -1));
  return names.length > most ? `${shown.join(", ")} … ${names.length} in all` : shown.join(", ");
}

/** Text of a data file in a message: short, in one line, without characters that would move a terminal's cursor. */
export function quoted(text: string, most = 40): string {
  const plain = printable(text);
  return `"${plain.length > most ? `${plain.slice(0, most)}…` : plain}"`;
}
