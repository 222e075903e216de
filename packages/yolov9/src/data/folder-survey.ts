/**
 * One look at the tree of a folder, from which the formats tell whether and how they read it: names only, no file is opened. Bounded in
 * depth and number, so that a home folder given by mistake is no long wait. Links are followed, each folder is entered once, and what may
 * not be entered is noted.
 */

import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";

import { isImageFile, isJunk } from "./image-files.js";
import { stemOf } from "./split-of-path.js";

const MOST_LEVELS = 5;
const MOST_FOLDERS = 5000;
const MOST_FILES = 1_000_000;

/** A folder of the tree with the files directly in it. */
export interface SurveyedFolder {
  /** Relative to the surveyed folder; "." for itself. */
  readonly path: string;
  readonly pictures: readonly string[];
  /** Files other than pictures by extension, in small letters with its dot. */
  readonly others: ReadonlyMap<string, readonly string[]>;
}

/** What a look at a folder's tree has seen. */
export interface FolderSurvey {
  readonly root: string;
  /** In the order of their paths. */
  readonly folders: readonly SurveyedFolder[];
  /** Folders that may not be entered. */
  readonly closed: readonly string[];
  /** False where the tree goes on beyond what was looked at. */
  readonly complete: boolean;
}

export async function surveyFolder(root: string): Promise<FolderSurvey> {
  const folders: SurveyedFolder[] = [];
  const closed: string[] = [];
  const entered = new Set<string>();
  let files = 0;
  let complete = true;
  const enter = async (path: string, level: number): Promise<void> => {
    const full = join(root, path);
    const real = await realpath(full).catch(() => full);
    if (entered.has(real)) return;
    if (level > MOST_LEVELS || folders.length >= MOST_FOLDERS || files >= MOST_FILES) {
      complete = false;
      return;
    }
    entered.add(real);
    const entries = await readdir(full, { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) return void closed.push(path);
    const names: string[] = [];
    const below: string[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith(".") || isJunk(entry.name)) continue;
      const isLinked = entry.isSymbolicLink() && (await isFolder(join(full, entry.name)));
      (entry.isDirectory() || isLinked ? below : names).push(entry.name);
    }
    files += names.length;
    folders.push(surveyed(path, names.sort()));
    for (const name of below.sort()) await enter(join(path, name), level + 1);
  };
  await enter(".", 0);
  folders.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { root, folders, closed, complete };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function surveyed(path: string, names: readonly string[]): SurveyedFolder {
  const others = new Map<string, string[]>();
  for (const name of names) {
    if (isImageFile(name)) continue;
    const extension = extname(name).toLowerCase();
    const list = others.get(extension);
    if (list) list.push(name);
    else others.set(extension, [name]);
  }
  return { path, pictures: names.filter(isImageFile), others };
}

/** Files of one extension in a folder. */
export function filesOf({ others }: SurveyedFolder, extension: string): readonly string[] {
  return others.get(extension) ?? [];
}

/** Folders of a survey that hold pictures. */
export function pictureFolders({ folders }: FolderSurvey): SurveyedFolder[] {
  return folders.filter(({ pictures }) => pictures.length > 0);
}

/** The number of all pictures of a survey. */
export function countPictures({ folders }: FolderSurvey): number {
  return folders.reduce((sum, { pictures }) => sum + pictures.length, 0);
}

/** How many names have the stem of one of the others. */
export function countMatches(names: readonly string[], others: ReadonlySet<string>): number {
  return names.reduce((count, name) => count + Number(others.has(stemOf(name))), 0);
}

/** Folders without those that lie in another one of them, which is read with all that is below it. */
export function topmost(paths: readonly string[]): string[] {
  if (paths.includes(".")) return ["."];
  return paths.filter((path) => !paths.some((other) => path.startsWith(`${other}${sep}`)));
}
