/**
 * COCO: annotations/instances_<split>*.json with boxes `x y w h`, polygons, run-length masks, crowd regions and keypoints, and a folder of
 * images per split. Category ids become contiguous class indices in the order of the ids; `categoryIds` leads back. Boxes stay as
 * annotated, since the evaluator must see what COCO's own sees.
 */

import { basename, dirname, join, relative, resolve } from "node:path";

import { z } from "zod";

import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile } from "../image-files.js";
import { flipOfNames } from "../keypoints.js";
import { SampleBuilder, type RowIssue } from "../sample-builder.js";
import {
  namesInMessage,
  DatasetError,
  SPLIT_NAMES,
  type KeypointSet,
  type Problem,
  type Sample,
  type SplitName,
} from "../sample.js";
import { toRow } from "./coco-annotation.js";
import { annotationSchema, cocoId, readCocoFile, repairCoco, type CocoImage, type ReadCocoFile } from "./coco-file.js";
import { PREFIXES, proposeCoco } from "./coco-layout.js";
import { writeCoco } from "./coco-writer.js";
import { labelPathOf, rowProblem, type DatasetFormat, type ReadContext } from "./format.js";

export const coco: DatasetFormat = {
  name: "coco",
  propose: proposeCoco,

  async open(description, context) {
    const entries = description.splits;
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
      const more = await readSamples(entry, folder, categories, context);
      samples[entry.split] = [...(samples[entry.split] ?? []), ...more];
    }
    const { names, categoryIds, keypoints } = categories;
    const common = { format: "coco", root: description.root, names, categoryIds, splits: samples };
    const files = new Map(read.map(({ file }) => [file, labelPathOf(file, description.root)]));
    const labelFiles = { entries, files };
    return { ...common, ...(keypoints && { keypoints }), ...(context.thorough && { labelFiles }) };
  },

  write: writeCoco,

  repair: repairCoco,
};

interface SplitFile extends ReadCocoFile {
  readonly split: SplitName;
  readonly file: string;
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
  const known = categories.map(([, other]) => other);
  throw new DatasetError(
    `${source}: names lists "${name}", which no annotation file has as category (${namesInMessage(known)})`,
  );
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

function nameAnnotation(content: unknown, index: number): string {
  const result = z.object({ id: cocoId }).safeParse(content);
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
