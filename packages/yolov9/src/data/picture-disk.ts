/**
 * Prepared pictures kept on disk between epochs and runs, for sets that memory does not hold: raw pixels in files named by what they were
 * made from, so that a changed image is never taken for its old self. Keeps within its budget by removing the oldest files of other sets.
 */

import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { removeLeftovers, temporaryName } from "@yolov9/torch/whole-file";

import { stampOf } from "./file-access.js";
import { makeFolder } from "../make-folder.js";

/** Plain data that a thread can be given. */
export interface PictureDisk {
  readonly folder: string;
  /** [n] 1 for the samples whose pictures may be kept. */
  readonly wanted: Uint8Array;
}

const EXTENSION = ".rgb";

/** What of the disk may be used. */
export interface DiskBudget {
  readonly folder: string;
  readonly bytes: number;
}

/**
 * Decide which pictures go to disk, and make room for them.
 * @param pictures [n] what each prepared picture is made of and how many bytes it has; undefined for one that is kept elsewhere
 */
export function openPictureDisk(
  { folder, bytes: budget }: DiskBudget,
  pictures: readonly ({ readonly path: string; readonly bytes: number } | undefined)[],
  preparation: { readonly kind: string },
): PictureDisk {
  // A folder for each use, so that pictures for training and for validation do not push each other out.
  const place = join(folder, "pictures", preparation.kind);
  const wanted = new Uint8Array(new SharedArrayBuffer(pictures.length));
  const disk = { folder: place, wanted };
  const own = new Set<string>();
  let planned = 0;
  pictures.forEach((picture, index) => {
    if (!picture || planned + picture.bytes > budget) return;
    planned += picture.bytes;
    wanted[index] = 1;
    own.add(pictureFile(place, picture.path, preparation));
  });
  try {
    makeFolder(place);
    removeLeftovers(place);
    makeRoom(place, own, budget - planned);
  } catch {
    // Where no folder can be made, nothing is kept: every picture is decoded when it is needed.
    wanted.fill(0);
  }
  return disk;
}

/** Remove other files, oldest first, until those that are left have at most `bytes`. */
function makeRoom(folder: string, own: ReadonlySet<string>, bytes: number): void {
  const others = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => !own.has(path))
    .map((path) => ({ path, ...stampOf(path) }));
  let left = others.reduce((sum, { size }) => sum + Math.max(size, 0), 0);
  for (const { path, size } of others.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (left <= bytes) return;
    rmSync(path, { force: true });
    left -= Math.max(size, 0);
  }
}

/** The name of what `preparation` makes of an image as it is now. */
function pictureFile(folder: string, path: string, preparation: object): string {
  const { size, mtimeMs } = stampOf(path);
  const key = JSON.stringify([path, size, mtimeMs, preparation]);
  return join(folder, `${createHash("sha256").update(key).digest("hex").slice(0, 40)}${EXTENSION}`);
}

/** A kept picture's bytes, or undefined when there is none or it is not whole. */
export async function readPicture(
  { folder }: PictureDisk,
  path: string,
  preparation: object,
  size: number,
): Promise<Uint8Array | undefined> {
  const bytes = await readFile(pictureFile(folder, path, preparation)).catch(() => undefined);
  return bytes?.length === size ? bytes : undefined;
}

/** Keep a picture. A disk that is full keeps nothing more. */
export async function writePicture(
  { folder }: PictureDisk,
  path: string,
  preparation: object,
  bytes: Uint8Array | Uint8ClampedArray,
): Promise<void> {
  const file = pictureFile(folder, path, preparation);
  const temporary = temporaryName(`${file}.${Math.random().toString(36).slice(2)}`);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
