/**
 * COCO: annotations/instances_<split>*.json with boxes `x y w h`, polygons and crowd regions, and a folder of images per split. Category
 * ids become contiguous class indices in the order of the ids; `categoryIds` leads back. Boxes stay as annotated, since the evaluator
 * must see what COCO's own sees. Crowd regions and areas are kept.
 */

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { z } from "zod";

import type { Description } from "../description.js";
import { readImageSizes } from "../image-files.js";
import { SampleBuilder, type BoxRow } from "../sample-builder.js";
import { DatasetError, SPLIT_NAMES, type Problem, type Sample, type SplitName } from "../sample.js";
import type { DatasetFormat } from "./format.js";

const PREFIX = "instances_";

export const coco: DatasetFormat = {
  name: "coco",
  layout: "annotations/instances_{train,val,test}*.json with train*/, val*/ or images/ beside",

  async recognises(folder) {
    return Object.keys(await findSplits(folder)).length > 0;
  },

  async open(description, splits, problems) {
    const given = Object.keys(description.splits).length > 0;
    const entries = given ? description.splits : await findSplits(description.root);
    const files: { split: SplitName; file: string; content: CocoFile }[] = [];
    // Every split's categories count, wanted or not: class indices must not depend on which splits are opened.
    for (const split of SPLIT_NAMES) {
      for (const entry of entries[split] ?? []) {
        const file = resolve(description.root, entry);
        files.push({ split, file, content: await readCocoFile(file) });
      }
    }
    const categories = orderCategories(files, description);
    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const { split, file, content } of files) {
      if (!splits.includes(split)) continue;
      const folder = await imageFolder(file, content, description);
      (samples[split] ??= []).push(...(await readSamples(file, content, folder, categories.indexOfId, problems)));
    }
    const { names, categoryIds } = categories;
    return { format: "coco", root: description.root, names, categoryIds, splits: samples };
  },
};

async function findSplits(root: string): Promise<Description["splits"]> {
  const files = (await readdir(join(root, "annotations")).catch(() => [])).sort();
  const splits: Description["splits"] = {};
  for (const split of SPLIT_NAMES) {
    const found = files.filter((name) => name.startsWith(`${PREFIX}${split}`) && name.endsWith(".json"));
    if (found.length > 0) splits[split] = found.map((name) => join("annotations", name));
  }
  return splits;
}

const annotationSchema = z.object({
  id: z.union([z.number(), z.string()]).optional(),
  image_id: z.union([z.number(), z.string()]),
  category_id: z.number().int(),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  segmentation: z.unknown().optional(),
});

const imageSchema = z.object({
  id: z.union([z.number(), z.string()]),
  file_name: z.string().min(1),
  width: z.number().positive().optional(),
  height: z.number().positive().optional(),
});

const fileSchema = z.object({
  images: z.array(imageSchema),
  annotations: z.array(z.unknown()).default([]),
  categories: z.array(z.object({ id: z.number().int(), name: z.string() })).min(1),
});

type CocoFile = z.infer<typeof fileSchema>;
type CocoImage = z.infer<typeof imageSchema>;

/** Polygons as lists of x y; crowd regions are run lengths and have none. */
const ringsSchema = z.array(z.array(z.number()).min(6));

async function readCocoFile(file: string): Promise<CocoFile> {
  const text = await readFile(file, "utf8").catch(() => {
    throw new DatasetError(`${file}: cannot read this annotation file`);
  });
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new DatasetError(`${file}: not a JSON file: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = fileSchema.safeParse(content);
  if (!result.success) throw new DatasetError(`${file}: not a COCO file: ${z.prettifyError(result.error)}`);
  return result.data;
}

interface Categories {
  readonly names: string[];
  readonly categoryIds: number[];
  readonly indexOfId: ReadonlyMap<number, number>;
}

function orderCategories(
  files: readonly { file: string; content: CocoFile }[],
  { names: wanted, source }: Description,
): Categories {
  const nameOfId = new Map<number, string>();
  for (const { file, content } of files) {
    for (const { id, name } of content.categories) {
      const other = nameOfId.get(id);
      if (other !== undefined && other !== name) {
        throw new DatasetError(`${file}: category ${id} is "${name}" here but "${other}" in another split`);
      }
      nameOfId.set(id, name);
    }
  }
  const byId = [...nameOfId].sort(([a], [b]) => a - b);
  const ordered = wanted ? wanted.map((name) => categoryNamed(name, byId, source)) : byId;
  const categoryIds = ordered.map(([id]) => id);
  return {
    names: ordered.map(([, name]) => name),
    categoryIds,
    indexOfId: new Map(categoryIds.map((id, index) => [id, index])),
  };
}

function categoryNamed(name: string, categories: readonly [number, string][], source: string): [number, string] {
  const found = categories.find(([, other]) => other === name);
  if (found) return found;
  const known = categories.map(([, other]) => other).join(", ");
  throw new DatasetError(`${source}: names lists "${name}", which no annotation file has as category (${known})`);
}

/** annotations/instances_val2017.json → val2017/, images/val2017/ … whichever holds the file's first image. */
async function imageFolder(file: string, { images }: CocoFile, { root, images: given }: Description): Promise<string> {
  if (given !== undefined) return resolve(root, given);
  const base = dirname(dirname(file));
  const split = basename(file, ".json").replace(PREFIX, "");
  const short = split.replace(/\d+$/, "");
  const folders = [split, join("images", split), short, join("images", short), "images", "."].map((f) => join(base, f));
  for (const folder of folders) {
    for (const image of images.slice(0, 10)) {
      if (await stat(join(folder, image.file_name)).catch(() => undefined)) return folder;
    }
  }
  const looked = folders.map((folder) => `  ${folder}`).join("\n");
  throw new DatasetError(
    `${file}: its first images are in none of\n${looked}\nName the folder with "images:" in a YAML description.`,
  );
}

async function readSamples(
  file: string,
  { images, annotations }: CocoFile,
  folder: string,
  indexOfId: ReadonlyMap<number, number>,
  problems: Problem[],
): Promise<Sample[]> {
  const sizes = await readImageSizes(
    images.map((image) => join(folder, image.file_name)),
    problems,
  );
  const builders = new Map<number | string, SampleBuilder>();
  const skipped = new Set<number | string>();
  for (const [index, image] of images.entries()) {
    const size = sizes[index];
    const mismatch = size && sizeMismatch(image, size);
    if (mismatch !== undefined) problems.push({ file, reason: `image ${image.id}: ${mismatch}; image skipped` });
    if (!size || mismatch !== undefined) skipped.add(image.id);
    else builders.set(image.id, new SampleBuilder({ id: image.id, path: join(folder, image.file_name), ...size }));
  }
  for (const [index, content] of annotations.entries()) {
    const reason = addAnnotation(content, builders, skipped, indexOfId);
    if (reason !== undefined) problems.push({ file, reason: `${nameAnnotation(content, index)}: ${reason}; skipped` });
  }
  return [...builders.values()].map((builder) => builder.build());
}

function sizeMismatch({ width, height }: CocoImage, size: { width: number; height: number }): string | undefined {
  if (width === undefined || height === undefined) return undefined;
  if (width === size.width && height === size.height) return undefined;
  return `is listed with ${width} x ${height} px but the file has ${size.width} x ${size.height}`;
}

function addAnnotation(
  content: unknown,
  builders: ReadonlyMap<number | string, SampleBuilder>,
  skipped: ReadonlySet<number | string>,
  indexOfId: ReadonlyMap<number, number>,
): string | undefined {
  const result = annotationSchema.safeParse(content);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    return `${issue.path.join(".")}: ${issue.message}`;
  }
  const { image_id, category_id, bbox, area, iscrowd, segmentation } = result.data;
  if (skipped.has(image_id)) return undefined;
  const builder = builders.get(image_id);
  if (!builder) return `no image has the id ${image_id}`;
  const classIndex = indexOfId.get(category_id);
  if (classIndex === undefined) return `category ${category_id} is not among the dataset's categories`;
  const [x, y, w, h] = bbox;
  const rings = ringsSchema.safeParse(segmentation);
  const row: BoxRow = {
    box: [x, y, x + w, y + h],
    classIndex,
    crowd: Boolean(iscrowd),
    ...(area !== undefined && { area }),
    ...(rings.success && { rings: rings.data.map((ring) => Float32Array.from(ring)) }),
  };
  return builder.add(row);
}

function nameAnnotation(content: unknown, index: number): string {
  const id = z.object({ id: z.union([z.number(), z.string()]) }).safeParse(content);
  return id.success ? `annotation ${id.data.id}` : `annotations[${index}]`;
}
