/** CSV in a folder that no file describes: every table with the columns of a data set, told from other tables by its header. */

import { join } from "node:path";

import type { FileAccess } from "../file-access.js";
import { countPictures, filesOf, type FolderSurvey } from "../folder-survey.js";
import { SPLIT_NAMES, type SplitName } from "../sample.js";
import { splitOfName, splitOfPath } from "../split-of-path.js";
import { parseCsv } from "./csv-text.js";
import type { Proposal } from "./format.js";

const USUAL = /^(train|val|valid|validation|test|_?annotations|labels)\.csv$/iu;

/** So many tables are opened. */
const OPENED = 30;

/** @param fits whether a header has the columns of a data set */
export async function proposeCsv(
  survey: FolderSurvey,
  files: FileAccess,
  fits: (header: readonly string[]) => boolean,
): Promise<Proposal | undefined> {
  const tables = survey.folders.flatMap((folder) =>
    filesOf(folder, ".csv").map((name) => ({ folder: folder.path, name })),
  );
  const found: { path: string; split?: SplitName | undefined }[] = [];
  for (const { folder, name } of tables.slice(0, OPENED)) {
    const path = join(folder, name);
    const [firstLine = ""] = (await files.beginning(join(survey.root, path))).split(/\r\n|\n|\r/u);
    const [header] = parseCsv(firstLine.replace(/^\uFEFF/u, ""));
    if (header && fits(header.fields)) found.push({ path, split: splitOfName(name) ?? splitOfPath(folder) });
  }
  const usual = () =>
    tables
      .filter(({ name }) => USUAL.test(name))
      .map(({ folder, name }) => ({ path: join(folder, name), split: splitOfName(name) }));
  // A table that is named like a data set's is read, so that its reader says what its header lacks.
  const pictures = found.length > 0 ? countPictures(survey) : 0;
  if (found.length === 0) found.push(...usual());
  if (found.length === 0) return undefined;
  const isNamed = found.some(({ split }) => split);
  const splits: Partial<Record<SplitName, string[]>> = {};
  for (const split of SPLIT_NAMES) {
    const own = found.filter((table) => (isNamed ? table.split : "train") === split).map(({ path }) => path);
    if (own.length > 0) splits[split] = own;
  }
  return { description: { splits }, pictures };
}
