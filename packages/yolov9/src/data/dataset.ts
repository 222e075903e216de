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
import { formatNamed } from "./formats/registry.js";
import { LabelCache } from "./label-cache.js";
import { recogniseFolder } from "./recognise-folder.js";
import { relocate } from "./relocate.js";
import { DatasetError, problemText, SPLIT_NAMES, type Dataset, type Problem, type SplitName } from "./sample.js";
import { setApart } from "./set-apart.js";
import { shellText } from "../shell-text.js";

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
  /** Where there are no validation images, take the test images for them, or set a fifth of the training images apart. Default false. */
  readonly deriveVal?: boolean;
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
  const described = await describe(path);
  const { description, classes, singleClass, parts } = described;
  if (above.sources.includes(description.source)) {
    throw new DatasetError(`${description.source}: a data set cannot be a part of itself`);
  }
  const dataset = parts
    ? await openParts(parts, description, options, {
        ...above,
        sources: [...above.sources, description.source],
      })
    : await openOne(described, options);
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

async function openOne(described: Described, options: OpenOptions): Promise<Dataset> {
  const { splits = SPLIT_NAMES, faithful = false, thorough = false, deriveVal = false, maxPixels } = options;
  const { format: formatName, description, notes: known } = described;
  const key = [formatName, description, splits, faithful, thorough, deriveVal, maxPixels];
  const folder = options.cache ?? cacheFolder();
  const cache = typeof folder === "string" ? new LabelCache(folder) : undefined;
  const kept = await cache?.load(key);
  if (kept) return { ...kept, notes: [...known, ...kept.notes] };
  const format = formatNamed(formatName);
  const problems: Problem[] = [];
  const remarks: Problem[] = [];
  const notes: string[] = [];
  const files = new FileAccess(maxPixels);
  const needed = deriveVal ? splitsToRead(formatName, description, splits) : splits;
  const context: ReadContext = { splits: needed, files, faithful, thorough, problems, remarks, notes };
  const opened = await format.open(description, context);
  for (const split of SPLIT_NAMES) {
    if (opened.splits[split]?.length === 0 && !thorough) throw emptySplit(description, split, problems);
  }
  const whole = deriveVal ? await withVal(opened.splits, description, notes) : opened.splits;
  const dataset = { ...opened, splits: only(whole, splits), problems, remarks, notes };
  if (Object.keys(dataset.splits).length === 0) throw missingSplits(description, splits, opened.splits);
  const { dependencies } = files;
  if (dependencies && (dependencies.size >= FILES_WORTH_CACHING || typeof options.cache === "string")) {
    cache?.save(key, dataset, dependencies);
  }
  return { ...dataset, notes: [...known, ...notes] };
}

/** The splits from which those that are wanted are made. The rows of a CSV file may name any. */
function splitsToRead(format: string, { splits }: Description, wanted: readonly SplitName[]): readonly SplitName[] {
  if (format === "csv") return SPLIT_NAMES;
  if (splits.val) return wanted;
  const source = splits.test ? "test" : "train";
  return SPLIT_NAMES.filter((split) => wanted.includes(split) || (split === source && wanted.includes("val")));
}

/** Splits with validation images, where there are none: the test images, or a part of the training images. */
async function withVal(
  splits: Dataset["splits"],
  { source, splits: entries }: Description,
  notes: string[],
): Promise<Dataset["splits"]> {
  const { train, val, test } = splits;
  if (val ?? entries.val) return splits;
  if (test) {
    notes.push(`${source}: there is no validation split, so the ${test.length} test images are used for it`);
    return { ...splits, val: test };
  }
  const dealt = entries.test || !train ? undefined : await setApart(train);
  if (!dealt || !train) return splits;
  const command = `yolov9 data split --data ${shellText(source)} --output FOLDER`;
  notes.push(
    `${source}: there is no validation split, so ${dealt.val.length} of the ${train.length} training images are set apart for it, ` +
      `always the same; to choose, stratify and keep a split: ${command}`,
  );
  return { ...splits, ...dealt };
}

function only(splits: Dataset["splits"], wanted: readonly SplitName[]): Dataset["splits"] {
  return Object.fromEntries(Object.entries(splits).filter(([split]) => wanted.includes(split as SplitName)));
}

function missingSplits(
  { source, splits: entries }: Description,
  wanted: readonly SplitName[],
  read: Dataset["splits"],
): DatasetError {
  const there = SPLIT_NAMES.filter((split) => entries[split] ?? read[split]);
  const splits = there.length > 0 ? `there are ${there.join(", ")}` : "there are none";
  return new DatasetError(`${source}: no split "${wanted.join('", "')}"; ${splits}`);
}

/** A description that is complete, and how it came about where its file does not say so. */
export interface Described extends DescriptionFile {
  readonly format: string;
  readonly notes: readonly string[];
}

/** How a data set is described: by its YAML file, or by the layout that its folder has. */
export async function describeDataset(path: string): Promise<Described> {
  return describe(resolve(path));
}

async function describe(path: string): Promise<Described> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new DatasetError(`${path}: no such file or folder; give a dataset's YAML file or folder`);
  const file = found.isDirectory() ? await descriptionIn(path) : path;
  if (file !== undefined) return describeFile(file);
  return { ...(await recogniseFolder({ source: path, root: path })), singleClass: false, notes: [] };
}

/** Annotation files that are a data set of one split by themselves. */
const FORMAT_OF_FILE: Readonly<Record<string, string>> = { ".txt": "yolo", ".json": "coco", ".csv": "csv" };

async function describeFile(file: string): Promise<Described> {
  const format = FORMAT_OF_FILE[extname(file).toLowerCase()];
  if (format === undefined) return completed(await readDescription(file));
  const split = SPLIT_NAMES.find((name) => basename(file).includes(name)) ?? "train";
  const description: Description = { source: file, root: dirname(file), splits: { [split]: [file] } };
  return { format, description, singleClass: false, notes: [] };
}

/** A description with what its file leaves out, and paths that exist. */
async function completed(read: DescriptionFile): Promise<Described> {
  const { description, format, parts } = read;
  if (parts) return { ...read, format: format ?? "yolo", notes: [] };
  const recognised = (root: string) => recogniseFolder({ source: description.source, root, ...(format && { format }) });
  const entries = Object.values(description.splits).flat();
  const files = new FileAccess();
  if (entries.length === 0) {
    const { description: placed, notes } = await relocate(description, files, () => Promise.resolve({}));
    const { format: own, description: shown } = await recognised(placed.root);
    return { ...read, format: own, description: { ...shown, ...placed, splits: shown.splits }, notes };
  }
  const kinds = new Set(entries.map((entry) => FORMAT_OF_FILE[extname(entry).toLowerCase()]));
  const [kind = "yolo"] = kinds;
  const own = format ?? (kinds.size === 1 ? kind : "yolo");
  const otherwise = (root: string) =>
    recogniseFolder({ source: description.source, root, format: own }).then(
      ({ description: shown }) => shown.splits,
      () => ({}),
    );
  return { ...read, format: own, ...(await relocate(description, files, otherwise)) };
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
