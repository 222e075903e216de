/**
 * Validation images of a data set that has none: a fifth of the training images. Which ones follows from the contents of the files alone, so
 * that every command takes the same ones, copies of a picture stay together, and pictures that are added move few of the others.
 */

import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

import { mapBounded } from "./image-files.js";
import type { Sample } from "./sample.js";

/** Of the training images. */
const SHARE = 0.2;

/** So much of a file's beginning and end tells it from others of its size. */
const LOOKED_AT_BYTES = 4096;
const FILES_AT_ONCE = 32;

/** @returns both parts in the order given; undefined where there are not two different pictures */
export async function setApart(samples: readonly Sample[]): Promise<{ train: Sample[]; val: Sample[] } | undefined> {
  const digests = await mapBounded(samples, FILES_AT_ONCE, ({ path }) => digestOf(path));
  const groups = new Map<string, Sample[]>();
  for (const [index, sample] of samples.entries()) {
    const group = groups.get(digests[index]!);
    if (group) group.push(sample);
    else groups.set(digests[index]!, [sample]);
  }
  if (groups.size < 2) return undefined;
  const wanted = Math.max(1, Math.round(samples.length * SHARE));
  const chosen = new Set<Sample>();
  const ordered = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  for (const group of ordered.slice(0, -1)) {
    if (chosen.size >= wanted) break;
    for (const sample of group) chosen.add(sample);
  }
  return {
    train: samples.filter((sample) => !chosen.has(sample)),
    val: samples.filter((sample) => chosen.has(sample)),
  };
}

/** A digest of a file's size, beginning and end; of its path where it cannot be read, which is reported elsewhere. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path).catch(() => undefined);
  try {
    const { size } = (await file?.stat()) ?? { size: 0 };
    const bytes = Buffer.alloc(Math.min(size, LOOKED_AT_BYTES));
    for (const position of [0, size - bytes.length]) {
      await file?.read(bytes, 0, bytes.length, position);
      hash.update(bytes);
    }
    return hash.update(file ? String(size) : path).digest("hex");
  } catch {
    return hash.update(path).digest("hex");
  } finally {
    await file?.close();
  }
}
