/**
 * Read data sets kept on disk, so that a large one opens in the time that it takes to look at its files' sizes and times. An entry counts
 * only while every file and folder that it was read from is as it was; a changed, added or removed one makes the set be read again.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";

import { writeWhole } from "@yolov9/torch/whole-file";

import { makeFolder } from "../make-folder.js";
import { stampOf, type Stamp } from "./file-access.js";
import type { Dataset } from "./sample.js";

/** Part of every key: entries of another layout are never found. */
const LAYOUT = 2;

/** Files changed as shortly before reading as this may change again without a new time: file systems count in steps. */
const CLOCK_STEP_MS = 50;

interface Entry {
  readonly dataset: Dataset;
  readonly paths: readonly string[];
  readonly sizes: Float64Array;
  readonly times: Float64Array;
}

const DIGEST_BYTES = 32;

export class LabelCache {
  readonly #folder: string;

  /** @param folder is made when something is saved; need not be writable */
  constructor(folder: string) {
    this.#folder = join(folder, "labels");
  }

  /** The data set that `key` was saved with, or undefined when there is none or a file has changed since. */
  async load(key: unknown): Promise<Dataset | undefined> {
    const bytes = await readFile(this.#file(key)).catch(() => undefined);
    const entry = bytes && readEntry(bytes);
    if (!entry) return undefined;
    const { paths, sizes, times, dataset } = entry;
    const unchanged = paths.every((path, index) => {
      const { size, mtimeMs } = stampOf(path);
      return size === sizes[index] && mtimeMs === times[index];
    });
    return unchanged ? dataset : undefined;
  }

  /** Keep a data set. Where that cannot be done, nothing happens: the next opening takes longer. */
  save(key: unknown, dataset: Dataset, dependencies: ReadonlyMap<string, Stamp>): void {
    const stamps = [...dependencies.values()];
    const justNow = Date.now() - CLOCK_STEP_MS;
    if (stamps.some(({ mtimeMs }) => mtimeMs > justNow)) return;
    const entry: Entry = {
      dataset,
      paths: [...dependencies.keys()],
      sizes: Float64Array.from(stamps, ({ size }) => size),
      times: Float64Array.from(stamps, ({ mtimeMs }) => mtimeMs),
    };
    try {
      const content = serialize(entry);
      makeFolder(this.#folder);
      writeWhole(this.#file(key), Buffer.concat([digest(content), content]));
    } catch {
      // The cache only saves time.
    }
  }

  #file(key: unknown): string {
    const text = JSON.stringify([LAYOUT, key]);
    return join(this.#folder, `${createHash("sha256").update(text).digest("hex").slice(0, 32)}.bin`);
  }
}

function digest(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest();
}

/** An entry, or undefined when its bytes are not those that were written. */
function readEntry(bytes: Buffer): Entry | undefined {
  const content = bytes.subarray(DIGEST_BYTES);
  if (!digest(content).equals(bytes.subarray(0, DIGEST_BYTES))) return undefined;
  // Written by `save` with this layout, which the digest and the key vouch for.
  return deserialize(content) as Entry;
}
