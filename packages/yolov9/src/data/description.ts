/**
 * The YAML file that describes a dataset, checked once at the border. Paths stay as written; formats resolve them. Keys of other tools
 * (`download`, `roboflow`, …) are let through and never acted on.
 */

import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { stringify } from "yaml";
import { z } from "zod";

import { flipOfNames, isMirrorOrder } from "./keypoints.js";
import { DatasetError, type KeypointSet, type SplitName } from "./sample.js";
import { MOST_CLASSES } from "../class-limit.js";
import { messageOf } from "../error-message.js";
import { issueLines } from "../issue-text.js";
import { readYaml } from "../yaml-lines.js";

const paths = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).nullish();

const namesSchema = z.union([
  z.array(z.coerce.string()).min(1).max(MOST_CLASSES),
  z.record(z.string().regex(/^\d+$/, "class numbers are whole and not negative"), z.coerce.string()),
]);

/** `[cat, dog]`, or `{animal: [cat, dog], car: car}` to rename and merge. */
const selectionSchema = z.union([
  z.array(z.string().min(1)).min(1),
  z.record(z.string().min(1), z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])),
]);

const partSchema = z.union([
  z.string().min(1),
  z.strictObject({
    data: z.string().min(1),
    weight: z.number().min(0.001).max(1000).default(1),
    classes: selectionSchema.optional(),
  }),
]);

/** Data sets that one file may put together, and those that all parts of a data set may be made of. */
export const MOST_PARTS = 100;

const descriptionSchema = z.looseObject({
  format: z.enum(["yolo", "voc", "coco", "csv"]).nullish(),
  path: z.string().min(1).nullish(),
  train: paths,
  val: paths,
  test: paths,
  names: namesSchema.nullish(),
  nc: z.number().int().positive().nullish(),
  /** COCO, VOC, CSV: the folder of the images, where it is not the usual one. */
  images: z.string().min(1).nullish(),
  /** YOLO, VOC: the folder of the label files, where it is not the usual one. */
  labels: z.string().min(1).nullish(),
  /** CSV: what the coordinates count. */
  units: z.enum(["pixel", "fraction"]).nullish(),
  kpt_shape: z.tuple([z.int().min(1).max(1000), z.union([z.literal(2), z.literal(3)])]).nullish(),
  kpt_names: z.array(z.coerce.string()).nullish(),
  flip_idx: z.array(z.int().min(0)).nullish(),
  category_ids: z.array(z.int()).nullish(),
  classes: selectionSchema.nullish(),
  single_class: z.boolean().nullish(),
  datasets: z.array(partSchema).min(1).max(MOST_PARTS).nullish(),
});

/** Which classes are kept: wanted names in order, each with the names that it is made of. */
export type ClassSelection = readonly { readonly name: string; readonly from: readonly string[] }[];

/** A dataset's description with its root made absolute. */
export interface Description {
  /** The YAML file, or the folder when there is none: what error messages name. */
  readonly source: string;
  readonly root: string;
  /** Entries as written, relative to the root; a split without entry is absent. */
  readonly splits: Partial<Record<SplitName, string[]>>;
  readonly names?: string[];
  /** How many classes there are at least, where they have no names. */
  readonly classCount?: number;
  readonly images?: string;
  readonly labels?: string;
  readonly units?: "pixel" | "fraction";
  readonly keypoints?: KeypointSet & { readonly dimensions: 2 | 3 };
  readonly categoryIds?: readonly number[];
}

/** One of several data sets that are put together. */
export interface DatasetPart {
  /** Absolute path of a YAML file or folder. */
  readonly path: string;
  readonly weight: number;
  readonly classes?: ClassSelection;
}

export interface DescriptionFile {
  /** As the file says; absent where it says nothing. */
  readonly format?: string;
  readonly description: Description;
  readonly classes?: ClassSelection;
  readonly singleClass: boolean;
  /** Present when the file puts other data sets together instead of describing one. */
  readonly parts?: readonly DatasetPart[];
}

/** A description of more bytes is no description. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * Read and check a description file.
 * @throws DatasetError naming the file, the key and what is wrong with it
 */
export async function readDescription(file: string): Promise<DescriptionFile> {
  const content = (await readValue(file)) ?? {};
  const result = descriptionSchema.safeParse(content);
  if (!result.success) {
    throw new DatasetError(
      issueLines(result.error, content)
        .map((line) => `${file}: ${line}`)
        .join("\n"),
    );
  }
  const { format, path, names, nc, images, labels, units, classes, single_class, datasets } = result.data;
  const nameList = names ? orderNames(names, file) : undefined;
  if (nameList && nc && nameList.length !== nc) {
    throw new DatasetError(`${file}: nc is ${nc} but names lists ${nameList.length} classes; drop nc or correct it`);
  }
  const categoryIds = result.data.category_ids ?? undefined;
  if (categoryIds && categoryIds.length !== nameList?.length) {
    const count = nameList?.length ?? 0;
    throw new DatasetError(`${file}: category_ids has ${categoryIds.length} entries but names has ${count}`);
  }
  const keypoints = keypointsOf(result.data, file);
  const description: Description = {
    source: file,
    root: resolve(dirname(file), path ?? "."),
    splits: splitEntries(result.data),
    ...(nameList ? { names: nameList } : nc && { classCount: nc }),
    ...(images && { images }),
    ...(labels && { labels }),
    ...(units && { units }),
    ...(keypoints && { keypoints }),
    ...(categoryIds && { categoryIds }),
  };
  return {
    ...(format && { format }),
    description,
    singleClass: single_class ?? false,
    ...(classes && { classes: selectionOf(classes) }),
    ...(datasets && { parts: datasets.map((part) => partOf(part, dirname(file))) }),
  };
}

async function readValue(file: string): Promise<unknown> {
  const found = await stat(file);
  if (!found.isFile()) throw new DatasetError(`${file}: is neither a file nor a folder that can be read`);
  if (found.size > MOST_BYTES) throw new DatasetError(`${file}: has ${found.size} bytes; no description is so long`);
  const text = await readFile(file, "utf8");
  try {
    return readYaml(text, file).value;
  } catch (error) {
    throw new DatasetError(messageOf(error));
  }
}

/** The text of a description file. `changes` are keys that differ from the description. */
export function descriptionText(
  format: string,
  { root, images, labels, units, keypoints, categoryIds }: Description,
  names: readonly string[],
  changes: Readonly<Record<string, unknown>>,
): string {
  return stringify({
    format,
    path: root,
    ...(images && { images }),
    ...(labels && { labels }),
    ...(units && { units }),
    ...changes,
    names: new Map(names.entries()),
    ...(categoryIds && { category_ids: categoryIds }),
    ...(keypoints && { kpt_shape: [keypoints.count, keypoints.dimensions] }),
    ...(keypoints?.names && { kpt_names: keypoints.names }),
    ...(keypoints?.flip && { flip_idx: keypoints.flip }),
  });
}

function splitEntries(data: z.infer<typeof descriptionSchema>): Description["splits"] {
  const splits: Description["splits"] = {};
  for (const split of ["train", "val", "test"] as const) {
    const entry = data[split];
    if (entry) splits[split] = typeof entry === "string" ? [entry] : entry;
  }
  return splits;
}

/** Names by class number. A dict must name every number from 0 on, else classes would silently move. */
function orderNames(names: z.infer<typeof namesSchema>, file: string): string[] {
  if (Array.isArray(names)) return names;
  const count = Object.keys(names).length;
  return Array.from({ length: count }, (_, index) => {
    const name = names[String(index)];
    if (name === undefined) {
      throw new DatasetError(
        `${file}: names has ${count} entries but none for class ${index}; number them 0..${count - 1}`,
      );
    }
    return name;
  });
}

function keypointsOf(data: z.infer<typeof descriptionSchema>, file: string): Description["keypoints"] {
  if (!data.kpt_shape) return undefined;
  const [count, dimensions] = data.kpt_shape;
  const { kpt_names: names, flip_idx: given } = data;
  if (names && names.length !== count) {
    throw new DatasetError(`${file}: kpt_names lists ${names.length} points but kpt_shape says ${count}`);
  }
  if (given && !isMirrorOrder(given, count)) {
    throw new DatasetError(
      `${file}: flip_idx must list, for each of the ${count} points, the one that takes its place in a mirror, both ways alike`,
    );
  }
  const flip = given ?? (names ? flipOfNames(names) : undefined);
  return { count, dimensions, ...(names && { names }), ...(flip && { flip }) };
}

/** A class selection in its one inner form. */
export function selectionOf(classes: z.infer<typeof selectionSchema>): ClassSelection {
  if (Array.isArray(classes)) return classes.map((name) => ({ name, from: [name] }));
  return Object.entries(classes).map(([name, from]) => ({ name, from: typeof from === "string" ? [from] : from }));
}

/**
 * Classes as a command line names them: `cat` keeps a class, `animal=cat+dog` renames and merges.
 * @throws DatasetError for an item without a name
 */
export function parseSelection(items: readonly string[]): ClassSelection {
  return items.map((item) => {
    const [name = "", from = name] = item.split("=");
    const sources = from.split("+").map((source) => source.trim());
    if (name.trim() === "" || sources.includes("")) {
      throw new DatasetError(`classes: "${item}" names no class; write cat, or animal=cat+dog`);
    }
    return { name: name.trim(), from: sources };
  });
}

function partOf(part: z.infer<typeof partSchema>, folder: string): DatasetPart {
  if (typeof part === "string") return { path: resolve(folder, part), weight: 1 };
  const { data, weight, classes } = part;
  return { path: resolve(folder, data), weight, ...(classes && { classes: selectionOf(classes) }) };
}
