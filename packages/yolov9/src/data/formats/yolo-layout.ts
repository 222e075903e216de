/**
 * YOLO in a folder that no file describes: label texts where the format looks for them, or else in one other folder, told by equal stems;
 * splits by the names of folders; class names in the files that programs leave them in.
 */

import { join, relative, resolve, sep } from "node:path";

import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import {
  countMatches,
  filesOf,
  pictureFolders,
  topmost,
  type FolderSurvey,
  type SurveyedFolder,
} from "../folder-survey.js";
import { SPLIT_NAMES } from "../sample.js";
import { splitOfPath, stemOf } from "../split-of-path.js";
import type { Proposal } from "./format.js";
import { linesOf } from "./lines.js";
import { labelPath } from "./yolo-paths.js";

/** Files with a class name a line, as labelImg, Darknet and their followers leave them. */
const NAME_FILES = [
  "classes.txt",
  "obj.names",
  "_darknet.labels",
  "classes.names",
  "labels.names",
  "predefined_classes.txt",
];

/** So many label files are opened to tell them from other texts. */
const OPENED = 20;

const ROW = /^\s*\d+(\s+[-+.\deE]+){4,}\s*$/u;

export async function proposeYolo(survey: FolderSurvey, files: FileAccess): Promise<Proposal | undefined> {
  const texts = new Map(survey.folders.map((folder) => [folder.path, new Set(filesOf(folder, ".txt").map(stemOf))]));
  const labelled = (folder: SurveyedFolder, labels: string) =>
    countMatches(folder.pictures, texts.get(labels) ?? new Set());
  const folders = pictureFolders(survey);
  const usual = folders.map((folder) => ({
    folder,
    labels: labelFolder(folder.path),
    count: labelled(folder, labelFolder(folder.path)),
  }));
  const names = await namesIn(survey, files);
  const proposal = (own: readonly SurveyedFolder[], pictures: number, more: Partial<Description> = {}): Proposal => ({
    description: { splits: splitsOf(own), ...more, ...(names && { names }) },
    pictures,
  });
  const found = usual.filter(({ count }) => count > 0);
  if (found.length > 0 && (await areRows(survey, found, files))) {
    const tree = found.map(({ folder }) => folder);
    // Pictures of background have no labels: a folder counts that is laid out as the labelled ones are.
    const own = folders.filter(({ path }) => tree.some((other) => isLike(path, other.path)));
    return proposal(own, found.reduce((sum, { count }) => sum + count, 0)); // prettier-ignore
  }
  const apart = inOtherFolder(survey, folders, labelled);
  if (apart && (await areRows(survey, apart.pairs, files))) {
    return proposal(apart.pairs.map(({ folder }) => folder), apart.count, apart.more); // prettier-ignore
  }
  const classic = folders.filter(({ path }) => path.split(sep).includes("images") && splitOfPath(path));
  return classic.length > 0 ? proposal(classic, 0) : undefined;
}

/** Where the labels of a folder's pictures usually are: where images/ becomes labels/, or beside. */
function labelFolder(path: string): string {
  return relative("/", join(labelPath(join("/", path, "x.jpg")), "..")) || ".";
}

/** Whether two folders of pictures have their labels in the same way. */
function isLike(path: string, other: string): boolean {
  return path === other || path.split(sep).includes("images") === other.split(sep).includes("images");
}

function splitsOf(folders: readonly SurveyedFolder[]): Description["splits"] {
  const paths = folders.map(({ path }) => path);
  const splits: Description["splits"] = {};
  // A folder is read with all that is below it, so one above the others would be in several splits.
  const isNamed = paths.some(splitOfPath) && !paths.includes(".");
  for (const split of SPLIT_NAMES) {
    const own = paths.filter((path) => (isNamed ? (splitOfPath(path) ?? "train") : "train") === split);
    if (own.length > 0) splits[split] = topmost(own);
  }
  return splits;
}

interface Pair {
  readonly folder: SurveyedFolder;
  readonly labels: string;
}

/** Labels of all folders in one other tree: what the keys `path` and `labels` can say. */
function inOtherFolder(
  { root, folders: all }: FolderSurvey,
  folders: readonly SurveyedFolder[],
  labelled: (folder: SurveyedFolder, labels: string) => number,
): { pairs: readonly Pair[]; count: number; more: Partial<Description> } | undefined {
  const holders = all.filter((folder) => filesOf(folder, ".txt").length > 0);
  const pairs = folders.flatMap((folder) => {
    const counts = holders.map(({ path }) => ({ labels: path, count: labelled(folder, path) }));
    const best = counts.reduce((a, b) => (b.count > a.count ? b : a), { labels: "", count: 0 });
    return best.count > 0 ? [{ folder, ...best }] : [];
  });
  const [first] = pairs;
  if (!first) return undefined;
  const count = pairs.reduce((sum, pair) => sum + pair.count, 0);
  // Paths in the label folder follow the images', without the last step "images".
  const bases = new Set(pairs.map(({ folder, labels }) => baseOf(labels, stepsOf(folder.path))));
  const [base] = bases;
  if (bases.size === 1 && base !== undefined) return { pairs, count, more: { labels: base } };
  if (pairs.length > 1) return undefined;
  const own = resolve(root, first.folder.path);
  const folder = { ...first.folder, path: "." };
  const more = { root: own, labels: relative(own, resolve(root, first.labels)) };
  return { pairs: [{ folder, labels: first.labels }], count, more };
}

function stepsOf(path: string): string[] {
  const steps = path === "." ? [] : path.split(sep);
  const at = steps.lastIndexOf("images");
  return steps.filter((_, index) => index !== at);
}

/** A folder without the steps that it ends in; undefined where it does not. */
function baseOf(folder: string, ending: readonly string[]): string | undefined {
  const steps = folder.split(sep);
  const from = steps.length - ending.length;
  if (from < 0 || ending.some((step, index) => steps[from + index] !== step)) return undefined;
  return steps.slice(0, from).join(sep) || ".";
}

/** Whether one of the first label files has a row of numbers: there are many kinds of texts. */
async function areRows({ root, folders }: FolderSurvey, pairs: readonly Pair[], files: FileAccess): Promise<boolean> {
  const candidates = pairs.flatMap(({ folder, labels }) => {
    const stems = new Set(folder.pictures.map(stemOf));
    const texts = folders.find(({ path }) => path === labels);
    return texts ? filesOf(texts, ".txt").filter((name) => stems.has(stemOf(name))).slice(0, OPENED).map((name) => join(root, labels, name)) : [];
  }); // prettier-ignore
  let empty = 0;
  for (const file of candidates.slice(0, OPENED)) {
    const lines = linesOf(await files.beginning(file)).filter((line) => line !== "");
    if (lines.length === 0) empty++;
    if (lines.some((line) => ROW.test(line))) return true;
  }
  return empty === candidates.length;
}

async function namesIn({ root, folders }: FolderSurvey, files: FileAccess): Promise<string[] | undefined> {
  for (const name of NAME_FILES) {
    for (const { path, others } of folders) {
      if (![...others.values()].flat().includes(name)) continue;
      const names = await readNames(join(root, path, name), files);
      if (names !== undefined) return names;
    }
  }
  return undefined;
}

/** Names beside a data set that a file describes without naming its classes. */
export async function namesBeside({ root }: Description, files: FileAccess): Promise<string[] | undefined> {
  for (const name of NAME_FILES) {
    for (const folder of [root, join(root, "labels")]) {
      const names = await readNames(join(folder, name), files);
      if (names !== undefined) return names;
    }
  }
  return undefined;
}

async function readNames(file: string, files: FileAccess): Promise<string[] | undefined> {
  const text = await files.text(file).catch(() => undefined);
  const names = linesOf(text ?? "").filter((line) => line !== "");
  return names.length > 0 ? names : undefined;
}
