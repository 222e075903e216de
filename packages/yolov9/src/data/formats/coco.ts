/**
 * COCO: annotations/instances_<split>*.json with boxes `x y w h`, polygons, run-length masks, crowd regions and keypoints, and a folder of
 * images per split. Category ids become contiguous class indices in the order of the ids; `categoryIds` leads back. Boxes stay as
 * annotated, since the evaluator must see what COCO's own sees.
 */

import { basename, dirname, join, relative, resolve } from "node:path";

import { z } from "zod";

import type { DatasetTarget } from "../dataset-target.js";
import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile } from "../image-files.js";
import { flipOfNames } from "../keypoints.js";
import { SampleBuilder, type BoxRow, type RowIssue } from "../sample-builder.js";
import {
  boxOf,
  DatasetError,
  SPLIT_NAMES,
  type Attributes,
  type Dataset,
  type KeypointSet,
  type Problem,
  type Sample,
  type SplitName,
} from "../sample.js";
import { labelPathOf, rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { elementLines } from "./json-lines.js";

/** Prefixes of annotation files, best first: keypoint files hold only one category, but more about it. */
const PREFIXES = ["instances_", "person_keypoints_", "annotations_"];

export const coco: DatasetFormat = {
  name: "coco",
  layout: "annotations/instances_{train,val,test}*.json with train*/, val*/ or images/ beside",

  async recognises(folder, files) {
    return Object.keys(await findSplits(folder, files)).length > 0;
  },

  async open(description, context) {
    const given = Object.keys(description.splits).length > 0;
    const entries = given ? description.splits : await findSplits(description.root, context.files);
    const read: SplitFile[] = [];
    // Every split's categories count, wanted or not: class indices must not depend on which splits are opened.
    for (const split of SPLIT_NAMES) {
      for (const entry of entries[split] ?? []) {
        const file = resolve(description.root, entry);
        read.push({ split, file, ...(await readCocoFile(file, context.files)) });
      }
    }
    const categories = orderCategories(read, description);
    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const entry of read) {
      if (!context.splits.includes(entry.split)) continue;
      const folder = await imageFolder(entry, description, context.files);
      (samples[entry.split] ??= []).push(...(await readSamples(entry, folder, categories, context)));
    }
    const { names, categoryIds, keypoints } = categories;
    const common = { format: "coco", root: description.root, names, categoryIds, splits: samples };
    const files = new Map(read.map(({ file }) => [file, labelPathOf(file, description.root)]));
    const labelFiles = { entries, files };
    return { ...common, ...(keypoints && { keypoints }), ...(context.thorough && { labelFiles }) };
  },

  write: writeCoco,

  repair(text, edits) {
    const content = repairable.parse(JSON.parse(text.replace(/^\uFEFF/, "")));
    const changes = new Map(edits.map(({ row, change }) => [row, change]));
    const annotations = content.annotations.flatMap((annotation, row) => {
      const change = changes.get(row);
      if (change === undefined) return [annotation];
      if (change === "drop") return [];
      const [x1, y1, x2, y2] = change.box;
      return [{ ...annotation, bbox: [x1, y1, x2 - x1, y2 - y1].map(rounded) }];
    });
    const indent = /^\s*[{[]\s*\n(\s+)/.exec(text)?.[1];
    return `${JSON.stringify({ ...content, annotations }, undefined, indent)}\n`;
  },
};

const repairable = z.looseObject({ annotations: z.array(z.looseObject({})) });

async function findSplits(root: string, files: FileAccess): Promise<Description["splits"]> {
  const names = await files.names(join(root, "annotations"));
  const splits: Description["splits"] = {};
  for (const split of SPLIT_NAMES) {
    for (const prefix of PREFIXES) {
      const found = names.filter((name) => name.startsWith(`${prefix}${split}`) && name.endsWith(".json"));
      if (found.length > 0) splits[split] ??= found.map((name) => join("annotations", name));
    }
  }
  return splits;
}

const id = z.union([z.number(), z.string()]);

const annotationSchema = z.object({
  id: id.optional(),
  image_id: id,
  category_id: z.number().int(),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  segmentation: z.unknown().optional(),
  keypoints: z.array(z.number()).optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
});

const imageSchema = z.object({
  id,
  file_name: z.string().min(1),
  width: z.number().positive().optional(),
  height: z.number().positive().optional(),
});

const categorySchema = z.object({
  id: z.number().int(),
  name: z.string(),
  keypoints: z.array(z.string()).optional(),
});

const fileSchema = z.object({
  images: z.array(imageSchema),
  annotations: z.array(z.unknown()).default([]),
  categories: z.array(categorySchema).min(1),
});

type CocoFile = z.infer<typeof fileSchema>;
type CocoImage = z.infer<typeof imageSchema>;

interface SplitFile {
  readonly split: SplitName;
  readonly file: string;
  readonly content: CocoFile;
  /** 1-based line of each element of an array of the file. Found out only when something is to be reported. */
  readonly linesOf: (key: "images" | "annotations") => readonly number[];
}

const ringsSchema = z.array(z.array(z.number()));

const runLengthsSchema = z.object({
  size: z.tuple([z.int().positive(), z.int().positive()]),
  counts: z.union([z.string(), z.array(z.int().min(0))]),
});

async function readCocoFile(file: string, files: FileAccess): Promise<Pick<SplitFile, "content" | "linesOf">> {
  const text = await files.text(file).catch((error: unknown) => {
    throw new DatasetError(`${file}: cannot read this annotation file (${messageOf(error)})`);
  });
  if (text === undefined) throw new DatasetError(`${file}: cannot read this annotation file (it does not exist)`);
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new DatasetError(`${file}: not a JSON file: ${messageOf(error)}`);
  }
  const result = fileSchema.safeParse(content);
  if (!result.success) throw new DatasetError(`${file}: not a COCO file: ${firstIssues(result.error)}`);
  const lines = new Map<string, readonly number[]>();
  const linesOf = (key: string): readonly number[] => {
    // A file in one line has nothing to tell.
    if (!lines.has(key)) lines.set(key, text.trim().includes("\n") ? elementLines(text, key) : []);
    return lines.get(key)!;
  };
  return { content: result.data, linesOf };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A file of another kind can have as many issues as elements. */
function firstIssues(error: z.ZodError): string {
  return z.prettifyError(new z.ZodError(error.issues.slice(0, 3)));
}

interface Categories {
  readonly names: string[];
  readonly categoryIds: number[];
  readonly indexOfId: ReadonlyMap<number, number>;
  readonly keypoints?: KeypointSet;
}

function orderCategories(files: readonly SplitFile[], { names: wanted, source }: Description): Categories {
  const nameOfId = new Map<number, string>();
  let points: readonly string[] = [];
  for (const { file, content } of files) {
    for (const { id, name, keypoints = [] } of content.categories) {
      const other = nameOfId.get(id);
      if (other !== undefined && other !== name) {
        throw new DatasetError(`${file}: category ${id} is "${name}" here but "${other}" elsewhere`);
      }
      nameOfId.set(id, name);
      if (keypoints.length > points.length) points = keypoints;
    }
  }
  const byId = [...nameOfId].sort(([a], [b]) => a - b);
  const ordered = wanted ? wanted.map((name) => categoryNamed(name, byId, source)) : byId;
  const categoryIds = ordered.map(([id]) => id);
  const flip = flipOfNames(points);
  return {
    names: ordered.map(([, name]) => name),
    categoryIds,
    indexOfId: new Map(categoryIds.map((id, index) => [id, index])),
    ...(points.length > 0 && { keypoints: { count: points.length, names: points, ...(flip && { flip }) } }),
  };
}

function categoryNamed(name: string, categories: readonly [number, string][], source: string): [number, string] {
  const found = categories.find(([, other]) => other === name);
  if (found) return found;
  const known = categories.map(([, other]) => other).join(", ");
  throw new DatasetError(`${source}: names lists "${name}", which no annotation file has as category (${known})`);
}

/** annotations/instances_val2017.json → val2017/, images/val2017/ … whichever holds the file's first image. */
async function imageFolder(
  { file, content: { images } }: SplitFile,
  { root, images: given }: Description,
  files: FileAccess,
): Promise<string> {
  if (given !== undefined) return resolve(root, given);
  const base = dirname(dirname(file));
  const prefix = PREFIXES.find((known) => basename(file).startsWith(known)) ?? "";
  const split = basename(file, ".json").slice(prefix.length);
  const short = split.replace(/\d+$/, "");
  const near = [split, join("images", split), short, join("images", short), "images", "."];
  const folders = [...near.map((f) => join(base, f)), dirname(file), ...near.map((f) => join(root, f))];
  for (const folder of folders) {
    for (const image of images.slice(0, 10)) {
      if (await files.exists(resolve(folder, image.file_name))) return folder;
    }
  }
  if (images.length === 0) return folders[0]!;
  const looked = [...new Set(folders)].map((folder) => `  ${folder}`).join("\n");
  throw new DatasetError(
    `${file}: its first images are in none of\n${looked}\nName the folder with "images:" in a YAML description.`,
  );
}

async function readSamples(
  entry: SplitFile,
  folder: string,
  categories: Categories,
  context: ReadContext,
): Promise<Sample[]> {
  const { file, content, linesOf } = entry;
  const paths = content.images.map((image) => resolve(folder, image.file_name));
  const sizes = await context.files.imageSizes(paths, context.problems);
  const builders = new Map<number | string, SampleBuilder>();
  const skipped = new Set<number | string>();
  for (const [index, image] of content.images.entries()) {
    const size = sizes[index];
    const issue = imageIssue(image, size, builders.has(image.id));
    if (issue) {
      const reason = `image ${image.id}: ${issue.reason}; image skipped`;
      context.problems.push({ ...placeOf(file, linesOf("images"), index), ...issue, reason, image: paths[index]! });
    }
    if (issue?.kind === "id-duplicate") continue;
    if (!size || issue) skipped.add(image.id);
    else {
      const facts = { id: image.id, path: paths[index]!, ...size };
      builders.set(image.id, new SampleBuilder(facts, { faithful: context.faithful }));
    }
  }
  readAnnotations(entry, builders, skipped, categories, context);
  if (context.thorough) await lookForUnlisted(folder, paths, context);
  return [...builders.values()].map((builder) => builder.build());
}

function placeOf(file: string, lines: readonly number[], index: number): { file: string; line?: number } {
  const line = lines[index];
  return line === undefined ? { file } : { file, line };
}

function imageIssue(
  { width, height }: CocoImage,
  size: { width: number; height: number } | undefined,
  repeated: boolean,
): RowIssue | undefined {
  if (repeated) return { kind: "id-duplicate", reason: "an earlier image has the same id" };
  if (!size || width === undefined || height === undefined) return undefined;
  if (width === size.width && height === size.height) return undefined;
  const reason = `is listed with ${width} x ${height} px but the file has ${size.width} x ${size.height}`;
  return { kind: "image-size-differs", reason };
}

function readAnnotations(
  { file, content, linesOf }: SplitFile,
  builders: ReadonlyMap<number | string, SampleBuilder>,
  skipped: ReadonlySet<number | string>,
  categories: Categories,
  { problems, remarks, thorough }: ReadContext,
): void {
  const seen = new Set<number | string>();
  for (const [row, annotation] of content.annotations.entries()) {
    const result = annotationSchema.safeParse(annotation);
    const name = nameAnnotation(annotation, row);
    const tell = (to: Problem[], issue: RowIssue, consequence: string, image?: string, whole = true) => {
      const line = placeOf(file, linesOf("annotations"), row);
      const place = { ...line, ...(whole && { row }), ...(image !== undefined && { image }) };
      to.push(rowProblem(place, { ...issue, reason: `${name}: ${issue.reason}` }, consequence));
    };
    if (!result.success) {
      const [issue] = result.error.issues;
      tell(problems, { kind: "row-malformed", reason: `${issue!.path.join(".")}: ${issue!.message}` }, "; skipped");
      continue;
    }
    const { id: annotationId, image_id, category_id } = result.data;
    if (skipped.has(image_id)) continue;
    if (annotationId !== undefined && seen.has(annotationId)) {
      tell(remarks, { kind: "id-duplicate", reason: "an earlier annotation has the same id" }, "");
    } else if (annotationId !== undefined) seen.add(annotationId);
    const builder = builders.get(image_id);
    const classIndex = categories.indexOfId.get(category_id);
    if (!builder) tell(problems, { kind: "id-unknown", reason: `no image has the id ${image_id}` }, "; skipped");
    else if (classIndex === undefined) {
      const reason = `category ${category_id} is not among the dataset's categories`;
      tell(problems, { kind: "class-unknown", reason }, "; skipped", builder.path);
    } else {
      const { row: parsed, issues } = toRow(result.data, classIndex, categories.keypoints);
      // Without its row: a repair would drop the whole annotation, of which only a part is bad.
      for (const issue of issues) tell(remarks, issue, "", builder.path, false);
      const place = { ...placeOf(file, thorough ? linesOf("annotations") : [], row), row };
      const { refused, remark } = builder.add(thorough ? { ...parsed, place } : parsed);
      if (refused) tell(problems, refused, "; skipped", builder.path);
      if (remark) tell(remarks, remark, "", builder.path);
    }
  }
}

/** An annotation as a row, with what is wrong about its mask or points, which are then left out. */
function toRow(
  { bbox: [x, y, w, h], area, iscrowd, segmentation, keypoints, attributes }: z.infer<typeof annotationSchema>,
  classIndex: number,
  points: KeypointSet | undefined,
): { row: BoxRow; issues: RowIssue[] } {
  const issues: RowIssue[] = [];
  const row = {
    box: [x, y, x + w, y + h] as const,
    classIndex,
    crowd: Boolean(iscrowd),
    ...(area !== undefined && { area }),
    ...maskOf(segmentation, issues),
    ...pointsOf(keypoints, points, issues),
    ...attributesOf(attributes),
  };
  return { row, issues };
}

function maskOf(segmentation: unknown, issues: RowIssue[]): Pick<BoxRow, "rings" | "mask"> {
  if (segmentation === undefined || segmentation === null) return {};
  const rings = ringsSchema.safeParse(segmentation);
  if (rings.success) {
    const whole = rings.data.filter((ring) => ring.length >= 6 && ring.length % 2 === 0);
    const short = rings.data.length - whole.length;
    if (short > 0) {
      issues.push({ kind: "polygon-short", reason: `${short} of its polygons have fewer than 3 points; left out` });
    }
    return { rings: whole.map((ring) => Float32Array.from(ring)) };
  }
  const runs = runLengthsSchema.safeParse(segmentation);
  if (runs.success) return { mask: runs.data };
  issues.push({ kind: "mask-malformed", reason: "its segmentation is neither polygons nor run lengths; left out" });
  return {};
}

function pointsOf(
  keypoints: readonly number[] | undefined,
  set: KeypointSet | undefined,
  issues: RowIssue[],
): Pick<BoxRow, "keypoints"> {
  if (keypoints === undefined || set === undefined || keypoints.length === 0) return {};
  if (keypoints.length % 3 !== 0 || keypoints.length > set.count * 3) {
    const reason = `${keypoints.length} keypoint values, but its category has ${set.count} points of 3; left out`;
    issues.push({ kind: "keypoints-malformed", reason });
    return {};
  }
  const points = new Float32Array(set.count * 3);
  points.set(keypoints);
  return { keypoints: points };
}

function attributesOf(attributes: Readonly<Record<string, unknown>> | undefined): Pick<BoxRow, "attributes"> {
  const plain = z.union([z.string(), z.number(), z.boolean()]);
  const kept = Object.entries(attributes ?? {}).flatMap(([key, value]) => {
    const result = plain.safeParse(value);
    return result.success ? [[key, result.data] as const] : [];
  });
  return kept.length > 0 ? { attributes: Object.fromEntries(kept) satisfies Attributes } : {};
}

function nameAnnotation(content: unknown, index: number): string {
  const result = z.object({ id }).safeParse(content);
  return result.success ? `annotation ${result.data.id}` : `annotations[${index}]`;
}

async function lookForUnlisted(folder: string, listed: readonly string[], context: ReadContext): Promise<void> {
  const known = new Set(listed);
  for (const file of await context.files.filesBelow(folder)) {
    if (!isImageFile(file) || known.has(file)) continue;
    const reason = `${relative(folder, file)} is in the image folder but not in the annotation file`;
    context.remarks.push({ file, kind: "image-unlisted", reason });
  }
}

/** Decimals of written coordinates: more would be the noise of 32-bit floats. */
const DECIMALS = 3;

function rounded(value: number): number {
  return Number(value.toFixed(DECIMALS));
}

async function writeCoco(dataset: Dataset, target: DatasetTarget): Promise<void> {
  const { names, categoryIds, keypoints, splits } = dataset;
  const idOf = (classIndex: number) => categoryIds?.[classIndex] ?? classIndex + 1;
  const categories = names.map((name, index) => ({
    id: idOf(index),
    name,
    ...(keypoints && { keypoints: keypoints.names ?? numberedPoints(keypoints.count), skeleton: [] }),
  }));
  let annotationId = 0;
  const keepsIds = idsAreUsable(dataset);
  let imageId = 0;
  for (const split of SPLIT_NAMES) {
    if (!splits[split]) continue;
    const images: unknown[] = [];
    const annotations: unknown[] = [];
    for (const sample of splits[split]) {
      const id = keepsIds ? sample.id : ++imageId;
      const { width, height } = sample;
      images.push({ id, file_name: target.image(sample, split), width, height });
      for (let row = 0; row < sample.classes.length; row++) {
        annotations.push({ id: ++annotationId, image_id: id, ...annotationOf(sample, row, idOf) });
      }
    }
    const content = { info: { description: "written by yolov9" }, licenses: [], images, annotations, categories };
    await target.text(join("annotations", `instances_${split}.json`), `${JSON.stringify(content)}\n`);
  }
}

/** Images keep their ids where all are different numbers. */
function idsAreUsable({ splits }: Dataset): boolean {
  const ids = SPLIT_NAMES.flatMap((split) => (splits[split] ?? []).map((sample) => sample.id));
  return ids.every((id) => typeof id === "number") && new Set(ids).size === ids.length;
}

function numberedPoints(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `point${index}`);
}

function annotationOf(sample: Sample, row: number, idOf: (classIndex: number) => number): object {
  const [x1, y1, x2, y2] = boxOf(sample, row);
  const rings = sample.polygons?.[row] ?? [];
  const mask = sample.masks?.[row];
  const attributes = sample.attributes?.[row];
  return {
    category_id: idOf(sample.classes[row]!),
    bbox: [x1, y1, x2 - x1, y2 - y1].map(rounded),
    area: rounded(sample.areas[row]!),
    iscrowd: sample.crowd[row],
    segmentation: mask ?? rings.map((ring) => Array.from(ring, rounded)),
    ...keypointsOf(sample, row),
    ...(attributes && { attributes }),
  };
}

function keypointsOf({ keypoints, classes }: Sample, row: number): object {
  if (!keypoints) return {};
  const stride = keypoints.length / classes.length;
  const points = Array.from(keypoints.subarray(row * stride, (row + 1) * stride), rounded);
  return { keypoints: points, num_keypoints: points.filter((value, i) => i % 3 === 2 && value > 0).length };
}
