/**
 * How the formats look at a data set's files: only ever reading, and noting down each file and folder that the outcome depends on, with
 * size and time, so that a cache can tell whether anything has changed since. Pipes, devices and absurdly large texts are refused.
 */

import { open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { statSync } from "node:fs";
import { resolve } from "node:path";

import { glob } from "tinyglobby";

import { MAX_PIXELS } from "@yolov9/vision";
import { isImageFile, listFiles, readImageSizes, type ImageSize, type WalkObserver } from "./image-files.js";
import type { Problem } from "./sample.js";

/** A label file of more bytes is taken for a mistake. COCO's largest annotation file has 450 MB. */
const MOST_TEXT_BYTES = 2 ** 30;

/** Size and time of a path when it was looked at; negative size where there was nothing. */
export interface Stamp {
  readonly size: number;
  readonly mtimeMs: number;
}

const ABSENT: Stamp = { size: -1, mtimeMs: 0 };

/** The stamp of a path now. */
export function stampOf(path: string): Stamp {
  try {
    // Synchronous on purpose: a hundred thousand of these take a second, and asynchronous ones ten.
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? ABSENT : { size: found.size, mtimeMs: found.mtimeMs };
  } catch {
    // Links in a circle, folders that may not be entered, names that cannot be: nothing can be read there.
    return ABSENT;
  }
}

export class FileAccess {
  readonly #stamps = new Map<string, Stamp>();
  readonly #maxPixels: number;
  #complete = true;

  /** @param maxPixels images of more are left out */
  constructor(maxPixels = MAX_PIXELS) {
    this.#maxPixels = maxPixels;
  }

  /** Every path that was looked at, or undefined when not all could be noted. */
  get dependencies(): ReadonlyMap<string, Stamp> | undefined {
    return this.#complete ? this.#stamps : undefined;
  }

  /** What is at a path. */
  async kind(path: string): Promise<"file" | "folder" | "other" | "absent"> {
    this.#note(path);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return "absent";
    if (found.isDirectory()) return "folder";
    return found.isFile() ? "file" : "other";
  }

  async exists(path: string): Promise<boolean> {
    return (await this.kind(path)) !== "absent";
  }

  /**
   * A text file as UTF-8, or undefined when there is none.
   * @throws Error when the path is no plain file, too large or cannot be read
   */
  async text(path: string): Promise<string | undefined> {
    this.#note(path);
    const found = await stat(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
        return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    if (!found.isFile()) throw new Error(found.isDirectory() ? "it is a folder" : "it is not a plain file");
    if (found.size > MOST_TEXT_BYTES) throw new Error(`it has ${found.size} bytes, more than ${MOST_TEXT_BYTES}`);
    return readFile(path, "utf8");
  }

  /** The first bytes of a plain file as text; empty where there is none. For a guess at what a file is. */
  async beginning(path: string, bytes = 2 ** 16): Promise<string> {
    this.#note(path);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) return "";
    const handle = await open(path).catch(() => undefined);
    if (handle === undefined) return "";
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(bytes, found.size)));
      return buffer.toString("utf8", 0, bytesRead);
    } catch {
      return "";
    } finally {
      await handle.close();
    }
  }

  /** Names in a folder, sorted; none when it is missing. */
  async names(folder: string): Promise<string[]> {
    this.#note(folder);
    return (await readdir(folder).catch(() => [])).sort();
  }

  /** All files below a folder, sorted; none when it is missing. */
  async filesBelow(folder: string, cycle?: (path: string) => void): Promise<string[]> {
    if ((await this.kind(folder)) !== "folder") return [];
    const observer: WalkObserver = { folder: (path) => this.#note(path), ...(cycle && { cycle }) };
    return listFiles(folder, observer);
  }

  /** Image files that match a glob pattern, sorted; one that links lead to on several ways counts once. */
  async imagesMatching(pattern: string, root: string): Promise<string[]> {
    // New matches may appear in folders that nothing was found in so far.
    this.#complete = false;
    const found = await glob(pattern, { cwd: root, expandDirectories: false });
    const byFile = new Map<string, string>();
    for (const path of found.map((match) => resolve(root, match)).sort()) {
      const real = await realpath(path).catch(() => path);
      if (isImageFile(path) && !byFile.has(real)) byFile.set(real, path);
    }
    return [...byFile.values()];
  }

  /** Like `readImageSizes`. */
  async imageSizes(paths: readonly string[], problems: Problem[]): Promise<(ImageSize | undefined)[]> {
    for (const path of paths) this.#note(path);
    return readImageSizes(paths, problems, this.#maxPixels);
  }

  #note(path: string): void {
    if (!this.#stamps.has(path)) this.#stamps.set(path, stampOf(path));
  }
}
