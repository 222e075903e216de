/**
 * A folder that a data set is written into: new, complete or not there at all. Everything goes to a folder beside it first, which gets its
 * name when all is written. Keeps count of what the format written cannot hold.
 */

import { constants, rmSync } from "node:fs";
import { copyFile, link, mkdir, readdir, rename, rm, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { removeLeftovers, temporaryName } from "@yolov9/torch/whole-file";

import { mapBounded } from "./image-files.js";
import { makeFolder } from "../make-folder.js";
import { DatasetError, SPLIT_NAMES, type Dataset, type Sample } from "./sample.js";
import { messageOf } from "../error-message.js";

/** How images come into a new data set: as copies, symbolic links, second names of the same file, or not: they stay where they are. */
export type ImagePlacement = "copy" | "link" | "hardlink" | "stay";

const IMAGES_AT_ONCE = 16;

export class DatasetTarget {
  readonly #folder: string;
  readonly #finalFolder: string;
  readonly #placement: ImagePlacement;
  readonly #lost = new Map<string, number>();
  readonly #stems = new Map<string, Set<string>>();
  readonly #images: { from: string; to: string }[] = [];

  private constructor(folder: string, finalFolder: string, placement: ImagePlacement) {
    this.#folder = folder;
    this.#finalFolder = finalFolder;
    this.#placement = placement;
  }

  /**
   * Let `write` fill a new folder.
   * @param output must not exist, or be an empty folder
   * @returns how many things of each kind the format could not hold
   * @throws DatasetError when the folder is in use or cannot be written; then it is as it was
   */
  static async fill(
    output: string,
    placement: ImagePlacement,
    write: (target: DatasetTarget) => Promise<void>,
  ): Promise<ReadonlyMap<string, number>> {
    const path = resolve(output);
    await requireFree(path);
    let temporary: string;
    try {
      makeFolder(dirname(path));
      removeLeftovers(dirname(path));
      temporary = temporaryName(path);
      await mkdir(temporary);
    } catch (error) {
      throw new DatasetError(`${output}: cannot be made (${reasonOf(error)}); choose a folder that can be written to`);
    }
    // A signal may end the process meanwhile.
    const removeNow = () => {
      rmSync(temporary, { recursive: true, force: true });
    };
    process.once("exit", removeNow);
    try {
      const target = new DatasetTarget(temporary, path, placement);
      await write(target);
      await target.#placeImages();
      await rmdir(path).catch(() => undefined);
      await rename(temporary, path);
      return target.#lost;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      if (error instanceof DatasetError) throw error;
      throw new DatasetError(`${output}: cannot be written (${reasonOf(error)}); nothing was left behind`);
    } finally {
      process.off("exit", removeNow);
    }
  }

  /** Write a text file at a path relative to the new folder. */
  async text(path: string, content: string): Promise<void> {
    const file = join(this.#folder, path);
    makeFolder(dirname(file));
    await writeFile(file, content);
  }

  /** Absolute path that something in the new folder will have. */
  finalPath(path: string): string {
    return join(this.#finalFolder, path);
  }

  /**
   * Have a sample's image put into `folder` of the data set.
   * @returns its name there: its own, with a number where another image's has the same stem, since label files are named by stems.
   * The absolute path of an image that stays where it is.
   */
  image({ path }: Sample, folder: string): string {
    if (this.#placement === "stay") return path;
    let stems = this.#stems.get(folder);
    if (!stems) this.#stems.set(folder, (stems = new Set()));
    const extension = extname(path);
    const stem = basename(path, extension);
    let unique = stem;
    for (let number = 2; stems.has(unique.toLowerCase()); number++) unique = `${stem}_${number}`;
    stems.add(unique.toLowerCase());
    const name = `${unique}${extension}`;
    this.#images.push({ from: path, to: join(folder, name) });
    return name;
  }

  /** Count something that the format has no place for. */
  lose(what: string, count = 1): void {
    if (count > 0) this.#lost.set(what, (this.#lost.get(what) ?? 0) + count);
  }

  /** For formats that know images by their names: count ids that say more than the name or the image's place. */
  loseIds({ splits }: Pick<Dataset, "splits">): void {
    const samples = SPLIT_NAMES.flatMap((split) => splits[split] ?? []);
    if (samples.every(({ id }, index) => id === index + 1)) return;
    const named = ({ id, path }: Sample) => typeof id === "string" || Number(basename(path, extname(path))) === id;
    this.lose("image ids", samples.filter((sample) => !named(sample)).length);
  }

  /** For formats without keypoints: count the objects that have any. */
  loseKeypoints({ keypoints, classes }: Sample): void {
    const stride = keypoints ? keypoints.length / classes.length : 0;
    const has = (row: number) => keypoints?.subarray(row * stride, (row + 1) * stride).some((value) => value !== 0);
    this.lose("keypoints of objects", [...classes.keys()].filter(has).length);
  }

  async #placeImages(): Promise<void> {
    for (const folder of this.#stems.keys()) makeFolder(join(this.#folder, folder));
    await mapBounded(this.#images, IMAGES_AT_ONCE, async ({ from, to }) => {
      const file = join(this.#folder, to);
      if (this.#placement === "link") await symlink(from, file);
      else if (this.#placement === "hardlink") await link(from, file);
      else await copyFile(from, file, constants.COPYFILE_FICLONE);
    });
  }
}

async function requireFree(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw new DatasetError(`${path}: is a file; choose a new folder`);
  if ((await readdir(path)).length > 0) throw new DatasetError(`${path}: is not empty; choose a new folder`);
}

/** "ENOSPC: no space left on device, write" → "no space left on device". */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  return /^E[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
