/**
 * Pascal VOC in a folder that no file describes: annotation files beside the pictures or in any other folder, told by equal stems, and splits
 * by lists of stems, by folders of annotations or by folders of pictures.
 */

import { join } from "node:path";

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

/** So many annotation files are opened to tell them from other XML. */
const OPENED = 20;

type Splits = Description["splits"];

/** Lists of stems that stand for a split, best first. */
const SPLIT_LISTS = { train: ["train.txt", "trainval.txt"], val: ["val.txt"], test: ["test.txt"] } as const;

export async function proposeVoc(survey: FolderSurvey, files: FileAccess): Promise<Proposal | undefined> {
  const stems = new Set(pictureFolders(survey).flatMap(({ pictures }) => pictures.map(stemOf)));
  const annotated = survey.folders.filter((folder) => countMatches(filesOf(folder, ".xml"), stems) > 0);
  if (!(await areAnnotations(survey.root, annotated, files))) return undefined;
  const pictured = new Set(annotated.flatMap((folder) => filesOf(folder, ".xml").map(stemOf)));
  const splits =
    (await byLists(survey, pictured, files)) ??
    byFolders(annotated) ??
    byFolders(pictureFolders(survey).filter(({ pictures }) => countMatches(pictures, pictured) > 0)) ??
    ({ train: topmost(annotated.map(({ path }) => path)) } satisfies Splits);
  const pictures = annotated.reduce((sum, folder) => sum + countMatches(filesOf(folder, ".xml"), stems), 0);
  return { description: { splits }, pictures };
}

/** Whether one of the first files is an annotation: there are many kinds of XML. */
async function areAnnotations(root: string, folders: readonly SurveyedFolder[], files: FileAccess): Promise<boolean> {
  const first = folders.flatMap((folder) => filesOf(folder, ".xml").map((name) => join(root, folder.path, name)));
  for (const file of first.slice(0, OPENED)) {
    const text = await files.text(file).catch(() => undefined);
    if (text?.includes("<annotation")) return true;
  }
  return false;
}

/** Splits by the names of folders; undefined where no name tells. A folder that names none is for training. */
function byFolders(folders: readonly SurveyedFolder[]): Splits | undefined {
  if (!folders.some(({ path }) => splitOfPath(path))) return undefined;
  const splits: Splits = {};
  for (const split of SPLIT_NAMES) {
    const own = folders.filter(({ path }) => (splitOfPath(path) ?? "train") === split).map(({ path }) => path);
    if (own.length > 0) splits[split] = topmost(own);
  }
  // A folder is read with all that is below it, so one above the others would be in several splits.
  return splits.train?.includes(".") && Object.keys(splits).length > 1 ? undefined : splits;
}

async function byLists(
  { root, folders }: FolderSurvey,
  stems: ReadonlySet<string>,
  files: FileAccess,
): Promise<Splits | undefined> {
  const holders = folders.filter((folder) => filesOf(folder, ".txt").length > 0);
  const usual = join("ImageSets", "Main");
  for (const { path, others } of holders.sort((a, b) => Number(b.path === usual) - Number(a.path === usual))) {
    const splits: Splits = {};
    for (const split of SPLIT_NAMES) {
      const name = SPLIT_LISTS[split].find((list) => others.get(".txt")?.includes(list));
      if (name !== undefined) splits[split] = [join(path, name)];
    }
    const [list] = Object.values(splits).flat();
    if (list !== undefined && (path === usual || (await namesOneOf(join(root, list), stems, files)))) return splits;
  }
  return undefined;
}

async function namesOneOf(list: string, stems: ReadonlySet<string>, files: FileAccess): Promise<boolean> {
  const text = await files.text(list).catch(() => undefined);
  const first = linesOf(text ?? "").find((line) => line !== "");
  return first !== undefined && (stems.has(first) || stems.has(stemOf(first)));
}
