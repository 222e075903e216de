/**
 * Finding image files and reading their sizes from the headers alone, many at a time. No pixel is decoded here: a file whose header is
 * whole but whose pixels are not is found by the loader.
 */

import { readdir, realpath, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join } from "node:path";

import { openPicture, pixelLimitMessage } from "@yolov9/runtime/decode-picture";

import type { Problem } from "./sample.js";
import { messageOf } from "../error-message.js";

const EXTENSIONS = new Set([".avif", ".gif", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"]);

/** Pictures that other tools read but the decoder here does not. */
const UNSUPPORTED_EXTENSIONS = new Set([".bmp", ".dng", ".heic", ".heif", ".jp2", ".pfm", ".ppm", ".tga"]);

/** Smaller images than this are taken for damage or icons, as in the published recipe. */
const MINIMUM_SIDE = 10;

/** EXIF orientations from here on turn the picture by a quarter, so that width and height change places. */
const FIRST_SIDEWAYS_ORIENTATION = 5;

export function isImageFile(path: string): boolean {
  return EXTENSIONS.has(extname(path).toLowerCase());
}

export function isUnsupportedImageFile(path: string): boolean {
  return UNSUPPORTED_EXTENSIONS.has(extname(path).toLowerCase());
}

/** What macOS leaves beside files of other systems: named like pictures and labels, but neither. */
export function isJunk(name: string): boolean {
  return name.startsWith("._") || name === "__MACOSX";
}

/** What a walk through folders meets on its way. */
export interface WalkObserver {
  /** Every folder that is entered. */
  folder?(path: string): void;
  /** A link that leads back to a folder above it, which is not followed. */
  cycle?(path: string): void;
}

/**
 * All image files below a folder, through links too, sorted by path, so that the order does not depend on the file system.
 * A folder is entered once, under its first path, so that links in a circle end.
 */
export async function listImages(folder: string, observer: WalkObserver = {}): Promise<string[]> {
  return (await listFiles(folder, observer)).filter(isImageFile);
}

/** All files below a folder, as `listImages` finds them. */
export async function listFiles(folder: string, observer: WalkObserver = {}): Promise<string[]> {
  const found: string[] = [];
  const visited = new Set<string>();
  const enter = async (path: string): Promise<void> => {
    const real = await realpath(path);
    if (visited.has(real)) {
      observer.cycle?.(path);
      return;
    }
    visited.add(real);
    observer.folder?.(path);
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (isJunk(entry.name)) continue;
      const child = join(path, entry.name);
      const isFolder =
        entry.isDirectory() ||
        (entry.isSymbolicLink() && ((await stat(child).catch(() => undefined))?.isDirectory() ?? false));
      if (isFolder) await enter(child);
      else found.push(child);
    }
  };
  await enter(folder);
  return found.sort();
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Width and height as the picture is looked at, after EXIF orientation. @throws Error when the header cannot be read */
async function readImageSize(path: string): Promise<ImageSize> {
  await requireFile(path);
  const { width, height, orientation = 1 } = await openPicture(path, { maxPixels: Infinity }).metadata();
  return orientation >= FIRST_SIDEWAYS_ORIENTATION ? { width: height, height: width } : { width, height };
}

/** @throws Error when a path is missing or no plain file: opening a pipe would wait for ever */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new Error("Input file is missing");
  if (!found.isFile()) throw new Error("not a plain file");
  if (found.size === 0) throw new Error("the file is empty");
}

/**
 * Sizes of many images. Unreadable and tiny ones, and those of more than `maxPixels`, are reported to `problems` and come back undefined.
 * @returns one entry a path, in order
 */
export async function readImageSizes(
  paths: readonly string[],
  problems: Problem[],
  maxPixels: number,
): Promise<(ImageSize | undefined)[]> {
  const found = await mapBounded(paths, 2 * availableParallelism(), async (path) => {
    try {
      const size = await readImageSize(path);
      return { size, problem: sizeProblem(path, size, maxPixels) };
    } catch (error) {
      const reason = describeImageError(error);
      const kind = reason === MISSING ? ("image-missing" as const) : ("image-unreadable" as const);
      return { problem: { file: path, kind, reason: `${reason}; image skipped` } };
    }
  });
  return found.map(({ size, problem }) => {
    if (problem) problems.push(problem);
    return problem ? undefined : size;
  });
}

function sizeProblem(file: string, { width, height }: ImageSize, maxPixels: number): Problem | undefined {
  const size = `image of ${width} x ${height} px`;
  if (Math.min(width, height) < MINIMUM_SIDE) {
    return { file, kind: "image-tiny", reason: `${size} is smaller than ${MINIMUM_SIDE} px; image skipped` };
  }
  if (width * height > maxPixels) {
    return { file, kind: "image-huge", reason: `${pixelLimitMessage(width, height, maxPixels)}; image skipped` };
  }
  return undefined;
}

const MISSING = "image file is missing";

/** The decoder's complaint in one line, without the path that the caller names anyway. */
export function describeImageError(error: unknown): string {
  const message = messageOf(error);
  if (/Input file is missing/.test(message)) return MISSING;
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
