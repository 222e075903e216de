/**
 * Opening a dataset: a YAML description or a folder whose layout is recognised, in any registered format. Reads annotations and image
 * headers only; pixels are the loader's business.
 */

import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";

import { readDescription, type Description } from "./description.js";
import { formats } from "./formats/registry.js";
import type { DatasetFormat } from "./formats/format.js";
import { DatasetError, problemText, SPLIT_NAMES, type Dataset, type Problem, type SplitName } from "./sample.js";

/** Description files that are looked for in a folder. */
const DESCRIPTION_FILES = ["data.yaml", "data.yml", "dataset.yaml"];

/** So many problems are quoted when nothing of a split could be read. */
const QUOTED_PROBLEMS = 3;

/**
 * Open a dataset.
 * @param path a YAML description, or a folder in a recognised layout (it may hold a data.yaml)
 * @param options.splits only these are read; default all that exist
 * @returns samples by split, with everything that had to be left out listed in `problems`
 * @throws DatasetError when the path, format or a whole split is unusable
 */
export async function openDataset(path: string, options: { splits?: readonly SplitName[] } = {}): Promise<Dataset> {
  const { format, description } = await describe(resolve(path));
  const problems: Problem[] = [];
  const dataset = await format.open(description, options.splits ?? SPLIT_NAMES, problems);
  for (const split of SPLIT_NAMES) {
    if (dataset.splits[split]?.length === 0) throw emptySplit(description, split, problems);
  }
  if (Object.keys(dataset.splits).length === 0) {
    const wanted = (options.splits ?? SPLIT_NAMES).join(", ");
    throw new DatasetError(
      `${description.source}: no split found (looked for ${wanted} in the ${format.name} layout: ${format.layout})`,
    );
  }
  return { ...dataset, problems };
}

async function describe(path: string): Promise<{ format: DatasetFormat; description: Description }> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new DatasetError(`${path}: no such file or folder; give a dataset's YAML file or folder`);
  const file = found.isDirectory() ? await descriptionIn(path) : path;
  if (file !== undefined) {
    const { format, description } = await readDescription(file);
    return { format: formats.find(({ name }) => name === format)!, description };
  }
  for (const format of formats) {
    if (await format.recognises(path)) return { format, description: { source: path, root: path, splits: {} } };
  }
  const layouts = formats.map(({ name, layout }) => `  ${name}: ${layout}`).join("\n");
  throw new DatasetError(
    `${path}: no known dataset layout. Known ones are\n${layouts}\nor give a YAML file with "format", "path", "train" and "val".`,
  );
}

async function descriptionIn(folder: string): Promise<string | undefined> {
  for (const name of DESCRIPTION_FILES) {
    const file = join(folder, name);
    if (await stat(file).catch(() => undefined)) return file;
  }
  return undefined;
}

function emptySplit({ source }: Description, split: SplitName, problems: readonly Problem[]): DatasetError {
  const quoted = problems.slice(0, QUOTED_PROBLEMS).map((problem) => `  ${problemText(problem)}`);
  const more = problems.length > quoted.length ? [`  and ${problems.length - quoted.length} more`] : [];
  return new DatasetError([`${source}: split "${split}" has no usable image.`, ...quoted, ...more].join("\n"));
}
