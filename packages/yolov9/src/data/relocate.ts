/**
 * Paths of a description that lead nowhere, as Roboflow and other machines leave them (`../train/images`, `/content/x/train/images`,
 * `path: /home/other/x`): found again beside the description file by their last steps, with a note.
 */

import { dirname, isAbsolute, join, relative, resolve } from "node:path";

import { isDynamicPattern } from "tinyglobby";

import type { Description } from "./description.js";
import type { FileAccess } from "./file-access.js";
import { SPLIT_NAMES, type SplitName } from "./sample.js";
import { splitOfPath } from "./split-of-path.js";

/** A description of which the paths exist as far as they could be found, and what was changed. */
export interface Relocated {
  readonly description: Description;
  readonly notes: readonly string[];
}

/** @param otherwise the splits that the description's folder shows by itself, for what is found in no other way */
export async function relocate(
  description: Description,
  files: FileAccess,
  otherwise: (root: string) => Promise<Description["splits"]>,
): Promise<Relocated> {
  const notes: string[] = [];
  const home = dirname(description.source);
  const isAlive = (await files.kind(description.root)) === "folder";
  const root = isAlive ? description.root : home;
  if (!isAlive) notes.push(`${description.source}: path ${description.root} does not exist; ${home} is used`);
  const bases = [...new Set([root, home])];
  const splits: Description["splits"] = {};
  for (const split of SPLIT_NAMES) {
    for (const entry of description.splits[split] ?? []) {
      const found = await locate(entry, root, bases, files);
      const taken = found === undefined ? await replacements(entry, split, root, otherwise) : [found];
      (splits[split] ??= []).push(...(taken ?? [entry]));
      if (taken && taken[0] !== entry) {
        notes.push(
          `${description.source}: ${split} names "${entry}", which does not exist; ${resolve(root, taken[0]!)} is used`,
        );
      }
    }
  }
  const gone = splits.test && Object.keys(splits).length > 1 && !(await anyExists(splits.test, root, files));
  if (gone) {
    notes.push(
      `${description.source}: test names "${splits.test!.join('", "')}", which does not exist; there is no test split`,
    );
    delete splits.test;
  }
  return { description: { ...description, root, splits }, notes };
}

/** The entry as it is, or relative to the root where it was found; undefined where it was not. */
async function locate(
  entry: string,
  root: string,
  bases: readonly string[],
  files: FileAccess,
): Promise<string | undefined> {
  if ((await files.exists(resolve(root, entry))) || isDynamicPattern(entry)) return entry;
  const steps = stepsOf(entry);
  for (const [index] of steps.entries()) {
    const ending = join(...steps.slice(index));
    // What is left must name the same split, or training and validation could become the same folder.
    if (splitOfPath(ending) !== splitOfPath(join(...steps))) break;
    for (const base of bases) {
      const path = join(base, ending);
      if (await files.exists(path)) return relative(root, path) || ".";
    }
  }
  return undefined;
}

/** Steps of a path of any system, without those that lead up. */
function stepsOf(entry: string): string[] {
  return entry.split(/[/\\]/u).filter((step) => !["", ".", ".."].includes(step) && !/^[a-z]:$/iu.test(step));
}

/** What the folder shows instead, for an entry that names its split: `train/images` where `images/train` is meant. */
async function replacements(
  entry: string,
  split: SplitName,
  root: string,
  otherwise: (root: string) => Promise<Description["splits"]>,
): Promise<readonly string[] | undefined> {
  const isForeign = isAbsolute(entry) || entry.startsWith("..");
  if (splitOfPath(stepsOf(entry).join("/")) !== split && !isForeign) return undefined;
  return (await otherwise(root))[split];
}

async function anyExists(entries: readonly string[], root: string, files: FileAccess): Promise<boolean> {
  for (const entry of entries) if (isDynamicPattern(entry) || (await files.exists(resolve(root, entry)))) return true;
  return false;
}
