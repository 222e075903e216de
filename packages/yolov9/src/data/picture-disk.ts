/**
 * Prepared pictures kept on disk between epochs and runs, for sets that memory does not hold: raw pixels in files named by what they were
 * made from, so that a changed image is never taken for its old self. Keeps within its budget by removing the files longest unused.
 */

import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { stampOf } from "./file-access.js";
import { makeFolder } from "./make-folder.js";

/** Plain data that a thread can be given. */
export interface PictureDisk {
  readonly folder: string;
  /** [n] 1 for the samples whose pictures may be kept. */
  readonly wanted: Uint8Array;
}

const EXTENSION = ".rgb";

/**
 * Decide which pictures go to disk and make room for them.
 * @param sizes [n] bytes of each prepared picture
 * @param taken whether a picture is kept elsewhere already
 */
export async function openPictureDisk(
  folder: string,
  budget: number,
  sizes: readonly number[],
  taken: (index: number) => boolean,
): Promise<PictureDisk> {
  const wanted = new Uint8Array(new SharedArrayBuffer(sizes.length));
  let planned = 0;
  sizes.forEach((size, index) => {
    if (taken(index) || planned + size > budget) return;
    planned += size;
    wanted[index] = 1;
  });
  const place = join(folder, "pictures");
  // A folder that cannot be made keeps nothing, and every picture is decoded when it is needed.
  await makeFolder(place).then(
    () => makeRoom(place, budget - planned),
    () => wanted.fill(0),
  );
  return { folder: place, wanted };
}

/** Remove the longest unused files until what is left has at most `bytes`. */
function makeRoom(folder: string, bytes: number): void {
  const files = readdirSync(folder).map((name) => {
    const path = join(folder, name);
    const { size = 0, mtimeMs = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return { path, size, mtimeMs };
  });
  let left = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (left <= bytes) return;
    rmSync(path, { force: true });
    left -= size;
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
  bytes: Uint8Array,
): Promise<void> {
  const file = pictureFile(folder, path, preparation);
  const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
