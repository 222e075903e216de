/**
 * Finding image files and reading their sizes from the headers alone, many at a time. No pixel is decoded here: a file whose header is
 * whole but whose pixels are not is found by the loader.
 */

import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join } from "node:path";

import sharp from "sharp";

import type { Problem } from "./sample.js";

const EXTENSIONS = new Set([".avif", ".gif", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"]);

/** Smaller images than this are taken for damage or icons, as in the published recipe. */
const MINIMUM_SIDE = 10;

/** EXIF orientations from here on turn the picture by a quarter, so that width and height change places. */
const FIRST_SIDEWAYS_ORIENTATION = 5;

export function isImageFile(path: string): boolean {
  return EXTENSIONS.has(extname(path).toLowerCase());
}

/** All image files below a folder, sorted by path, so that the order does not depend on the file system. */
export async function listImages(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => !entry.isDirectory() && isImageFile(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Width and height as the picture is looked at, after EXIF orientation. @throws Error when the header cannot be read */
async function readImageSize(path: string): Promise<ImageSize> {
  const { width, height, orientation = 1 } = await sharp(path).metadata();
  return orientation >= FIRST_SIDEWAYS_ORIENTATION ? { width: height, height: width } : { width, height };
}

/**
 * Sizes of many images. Unreadable and tiny ones are reported to `problems` and come back undefined.
 * @returns one entry a path, in order
 */
export async function readImageSizes(
  paths: readonly string[],
  problems: Problem[],
): Promise<(ImageSize | undefined)[]> {
  const reasons = new Map<number, string>();
  const sizes = await mapBounded(paths, 2 * availableParallelism(), async (path, index) => {
    try {
      const size = await readImageSize(path);
      if (Math.min(size.width, size.height) >= MINIMUM_SIDE) return size;
      reasons.set(
        index,
        `image of ${size.width} x ${size.height} px is smaller than ${MINIMUM_SIDE} px; image skipped`,
      );
    } catch (error) {
      reasons.set(index, `${describeImageError(error)}; image skipped`);
    }
    return undefined;
  });
  for (const [index, reason] of [...reasons].sort(([a], [b]) => a - b)) problems.push({ file: paths[index]!, reason });
  return sizes;
}

/** The decoder's complaint in one line, without the path that the caller names anyway. */
export function describeImageError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/Input file is missing/.test(message)) return "image file is missing";
  return `cannot read the image (${message.replace(/\s+/g, " ").trim()})`;
}

/** Like `Promise.all(items.map(work))`, with at most `limit` at a time. */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  const run = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!, index);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  return results;
}
