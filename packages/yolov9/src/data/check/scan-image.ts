/** Looks at one image file closely: what it is, whether all of it can be decoded, and how it looks, for finding it again elsewhere. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

import { openPicture } from "@yolov9/runtime/decode-picture";

import { describeImageError } from "../image-files.js";

/** Size of the small grey picture by which images are compared; 4 x 4 of its pixels are one of the difference hash's. */
export const SKETCH_WIDTH = 36;
export const SKETCH_HEIGHT = 32;

/** Opening the data set has left images of too many pixels out. */
const WITHOUT_LIMIT = { maxPixels: Infinity };

export interface ScannedImage {
  /** Decoder's name of the file type: jpeg, png, … */
  readonly format: string;
  readonly bytes: number;
  /** EXIF orientation, 1 … 8. */
  readonly orientation: number;
  /** Decoder's name of the colour space: srgb, b-w, cmyk, rgb16, grey16. */
  readonly space: string;
  readonly bitsOver8: boolean;
  readonly hasAlpha: boolean;
  readonly frames: number;
  /** SHA-256 of the file. */
  readonly digest: string;
  /** Why not all pixels can be decoded. */
  readonly damage?: string;
  /** [SKETCH_HEIGHT * SKETCH_WIDTH] grey levels; absent when pixels were not looked at. */
  readonly sketch?: Uint8Array;
}

/**
 * @param pixels whether to decode the image, which finds damage and gives its sketch
 * @throws Error when the file cannot be read or its header is no image's
 */
export async function scanImage(path: string, pixels: boolean): Promise<ScannedImage> {
  const file = await readFile(path);
  const {
    format,
    orientation = 1,
    space,
    depth,
    hasAlpha,
    pages = 1,
  } = await openPicture(file, WITHOUT_LIMIT).metadata();
  const facts = {
    format,
    bytes: file.length,
    orientation,
    space,
    bitsOver8: depth !== "uchar" && depth !== "char",
    hasAlpha,
    // A multi-picture JPEG of a camera has a preview as its second page, which nobody takes for a frame.
    frames: format === "jpeg" ? 1 : pages,
    digest: createHash("sha256").update(file).digest("hex"),
  };
  if (!pixels) return facts;
  try {
    return { ...facts, sketch: await sketchOf(file) };
  } catch (error) {
    return { ...facts, damage: describeImageError(error) };
  }
}

async function sketchOf(file: Buffer): Promise<Uint8Array> {
  const { data } = await openPicture(file, WITHOUT_LIMIT, { failOn: "error", ignoreIcc: true })
    .autoOrient()
    .toColourspace("b-w")
    .removeAlpha()
    .resize(SKETCH_WIDTH, SKETCH_HEIGHT, { fit: "fill", kernel: "cubic" })
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + SKETCH_WIDTH * SKETCH_HEIGHT));
}
