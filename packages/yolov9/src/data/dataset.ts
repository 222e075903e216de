/**
 * Opening a dataset: a YAML description, a folder whose layout is recognised, or an annotation file on its own, in any registered format.
 * Reads annotations and image headers only; pixels are the loader's business.
 */

import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { cacheFolder } from "./cache-folder.js";
import { asSingleClass, concatenate, selectClasses } from "./compose.js";
import {
  MOST_PARTS,
  readDescription,
  type ClassSelection,
  type DatasetPart,
  type Description,
  type DescriptionFile,
} from "./description.js";
import { FileAccess } from "./file-access.js";
import type { ReadContext } from "./formats/format.js";
import { formatNamed, formats } from "./formats/registry.js";
import { LabelCache } from "./label-cache.js";
import { DatasetError, problemText, SPLIT_NAMES, type Dataset, type Problem, type SplitName } from "./sample.js";

/** Description files that are looked for in a folder. */
export const DESCRIPTION_FILES = ["data.yaml", "data.yml", "dataset.yaml"];

/** So many problems are quoted when nothing of a split could be read. */
const QUOTED_PROBLEMS = 3;

/** Smaller sets open faster than a cache is worth. */
const FILES_WORTH_CACHING = 2000;

export interface OpenOptions {
  /** Only these are read; default all that exist. */
  readonly splits?: readonly SplitName[];
  /** Keep rows that nothing can be learned from just as they are, for conversions. Default false. */
  readonly faithful?: boolean;
  /** Look also for files that nothing refers to, and accept splits of which nothing is usable, for checks. Default false. */
  readonly thorough?: boolean;
  /** Classes to keep, after those that the description keeps. */
  readonly classes?: ClassSelection;
  /** Take all classes as one. Default: as the description says. */
  readonly singleClass?: boolean;
  /** Images of more pixels are left out. Default 100 million. */
  readonly maxPixels?: number;
  /** Folder for read labels of large sets; false keeps none. Default: the user's cache folder. */
  readonly cache?: string | false;
}

/**
 * Open a dataset.
 * @param path a YAML description, a folder in a recognised layout (it may hold a data.yaml), a list of images, a COCO file or a CSV file
 * @returns samples by split, with everything that had to be left out listed in `problems`
 * @throws DatasetError when the path, format or a whole split is unusable
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  const opened = await openPath(resolve(path), options, { sources: [], tally: { parts: 0 } });
  const selected = options.classes ? selectClasses(opened, options.classes, path) : opened;
  return options.singleClass ? asSingleClass(selected) : selected;
}

/** What a data set is a part of. */
interface Above {
  /** Description files, from the outermost one. */
  readonly sources: readonly string[];
  /** Counted over all of them. */
  readonly tally: { parts: number };
}

async function openPath(path: string, options: OpenOptions, above: Above): Promise<Dataset> {
  const { format, description, classes, singleClass, parts } = await describe(path);
  if (above.sources.includes(description.source)) {
    throw new DatasetError(`${description.source}: a data set cannot be a part of itself`);
  }
  const dataset = parts
    ? await openParts(parts, description, options, {
        ...above,
        sources: [...above.sources, description.source],
      })
    : await openOne(format, description, options);
  const selected = classes ? selectClasses(dataset, classes, description.source) : dataset;
  return singleClass ? asSingleClass(selected) : selected;
}

async function openParts(
  parts: readonly DatasetPart[],
  { source, root, names }: Description,
  options: OpenOptions,
  above: Above,
): Promise<Dataset> {
  const opened = [];
  for (const { path, weight, classes } of parts) {
    if (++above.tally.parts > MOST_PARTS) {
      throw new DatasetError(`${source}: more than ${MOST_PARTS} data sets are put together, parts of parts included`);
    }
    const dataset = await openPath(path, options, above);
    opened.push({ weight, dataset: classes ? selectClasses(dataset, classes, source) : dataset });
  }
  return concatenate(opened, root, names);
}

async function openOne(formatName: string, description: Description, options: OpenOptions): Promise<Dataset> {
  const { splits = SPLIT_NAMES, faithful = false, thorough = false, maxPixels } = options;
  const key = [formatName, description, splits, faithful, thorough, maxPixels];
  const folder = options.cache ?? cacheFolder();
  const cache = typeof folder === "string" ? new LabelCache(folder) : undefined;
  const kept = await cache?.load(key);
  if (kept) return kept;
  const format = formatNamed(formatName);
  const problems: Problem[] = [];
  const remarks: Problem[] = [];
  const files = new FileAccess(maxPixels);
  const context: ReadContext = { splits, files, faithful, thorough, problems, remarks };
  const dataset = { ...(await format.open(description, context)), problems, remarks };
  for (const split of SPLIT_NAMES) {
    if (dataset.splits[split]?.length === 0 && !thorough) throw emptySplit(description, split, problems);
  }
  if (Object.keys(dataset.splits).length === 0) {
    throw new DatasetError(
      `${description.source}: no split found (looked for ${splits.join(", ")} in the ${format.name} layout: ${format.layout})`,
    );
  }
  const { dependencies } = files;
  if (dependencies && (dependencies.size >= FILES_WORTH_CACHING || typeof options.cache === "string")) {
    cache?.save(key, dataset, dependencies);
  }
  return dataset;
}

/** How a data set is described: by its YAML file, or by the layout that its folder has. */
export async function describeDataset(path: string): Promise<DescriptionFile> {
  return describe(resolve(path));
}

async function describe(path: string): Promise<DescriptionFile> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new DatasetError(`${path}: no such file or folder; give a dataset's YAML file or folder`);
  const file = found.isDirectory() ? await descriptionIn(path) : path;
  if (file !== undefined) return describeFile(file);
  const files = new FileAccess();
  for (const format of formats) {
    if (await format.recognises(path, files)) return plain(format.name, { source: path, root: path, splits: {} });
  }
  const layouts = formats.map(({ name, layout }) => `  ${name}: ${layout}`).join("\n");
  throw new DatasetError(
    `${path}: no known dataset layout. Known ones are\n${layouts}\nor give a YAML file with "format", "path", "train" and "val".`,
  );
}

/** Annotation files that are a data set of one split by themselves. */
const FORMAT_OF_FILE: Readonly<Record<string, string>> = { ".txt": "yolo", ".json": "coco", ".csv": "csv" };

async function describeFile(file: string): Promise<DescriptionFile> {
  const format = FORMAT_OF_FILE[extname(file).toLowerCase()];
  if (format === undefined) return readDescription(file);
  const split = SPLIT_NAMES.find((name) => basename(file).includes(name)) ?? "train";
  return plain(format, { source: file, root: dirname(file), splits: { [split]: [file] } });
}

function plain(format: string, description: Description): DescriptionFile {
  return { format, description, singleClass: false };
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
