/**
 * The files of weights that the authors of YOLOv9 published, by the names that `yolov9 download` takes: the one table of addresses.
 * The files themselves are under the authors' licence (GPL-3.0), not this project's.
 */

/** Where the files lie; a file's own name follows. */
export const RELEASE_ADDRESS = "https://github.com/WongKinYiu/yolov9/releases/download/v0.1/";

/** The largest published file has some 140 MB; a server that sends more than this is not believed. */
export const LARGEST_FILE_BYTES = 400_000_000;

export interface PublishedFile {
  readonly name: string;
  readonly file: string;
  /** The model of the zoo that it must turn out to be. */
  readonly model: string;
}

/** With auxiliary branch: what training left. */
const trained = ["s", "m", "c", "e"].map((size) => published(`yolov9-${size}`, `yolov9-${size}`));
/** Without: what the authors converted for use. There is no training file of T. */
const converted = ["t", "s", "m", "c", "e"].map((size) => published(`yolov9-${size}-converted`, `gelan-${size}`));
/** Trained without an auxiliary branch. */
const plain = ["s", "m", "c", "e"].map((size) => published(`gelan-${size}`, `gelan-${size}`));

export const PUBLISHED_FILES: readonly PublishedFile[] = [...trained, ...converted, ...plain];

function published(name: string, model: string): PublishedFile {
  return { name, file: `${name}.pt`, model };
}
