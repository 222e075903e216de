/**
 * Pascal VOC: Annotations/x.xml with pixel boxes, JPEGImages/x.jpg, and ImageSets/Main/{train,val,test}.txt listing stems. Class names are
 * sorted unless the description orders them. Coordinates are taken as pixel edges, as given. Objects marked "difficult" are neither
 * targets nor errors, which a sample says by `crowd`.
 */

import { basename, extname, join, resolve } from "node:path";

import { XMLParser } from "fast-xml-parser";
import { stringify } from "yaml";
import { z } from "zod";

import type { DatasetTarget } from "../dataset-target.js";
import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile, mapBounded, type ImageSize } from "../image-files.js";
import type { RowEdit } from "../row-edit.js";
import { SampleBuilder, type BoxRow } from "../sample-builder.js";
import {
  boxOf,
  DatasetError,
  quoted,
  SPLIT_NAMES,
  type Attributes,
  type Dataset,
  type ProblemKind,
  type Sample,
  type SplitName,
} from "../sample.js";
import { rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { linesOf } from "./lines.js";
import { unbalancedTag, xmlText, type XmlContent } from "./xml-text.js";

const ANNOTATIONS_AT_ONCE = 32;

/** Lists of stems that stand for a split, best first. */
const SPLIT_LISTS: Record<SplitName, readonly string[]> = {
  train: ["train.txt", "trainval.txt"],
  val: ["val.txt"],
  test: ["test.txt"],
};

export const voc: DatasetFormat = {
  name: "voc",
  layout: "Annotations/*.xml, JPEGImages/ and ImageSets/Main/{train,val,test}.txt",

  async recognises(folder, files) {
    const names = await files.names(join(folder, "Annotations"));
    return names.some((name) => name.endsWith(".xml"));
  },

  async open(description, context) {
    const { files } = context;
    const lists = await readSplitLists(description, context);
    const { stems } = lists;
    const folder = annotationFolder(description);
    // Every split is parsed, wanted or not: sorted names must not depend on which splits are opened.
    const all = [...new Set(SPLIT_NAMES.flatMap((split) => stems[split] ?? []))];
    const parsed = await mapBounded(all, ANNOTATIONS_AT_ONCE, (stem) => readAnnotation(folder, stem, files));
    const annotations = new Map(all.map((stem, index) => [stem, parsed[index]!]));
    const names = description.names ?? sortedNames(parsed);
    const images = await imagesByStem(description, files);

    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of context.splits) {
      const listed = stems[split]?.map((stem) => annotations.get(stem)!);
      if (listed) samples[split] = await readSamples(listed, images, names, context);
    }
    if (context.thorough) await lookForUnlisted(folder, images, annotations, context);
    const opened = { format: "voc", root: description.root, names, splits: samples };
    const existing = parsed.filter(({ missing }) => !missing);
    const labelFiles = {
      entries: lists.entries,
      files: new Map(existing.map(({ stem, file }) => [file, `${stem}.xml`])),
    };
    return { ...opened, ...(context.thorough && { labelFiles }) };
  },

  write: writeVoc,

  listLine: ({ id }) => String(id),

  repair: repairVoc,
};

function annotationFolder({ root, labels = "Annotations" }: Description): string {
  return resolve(root, labels);
}

async function readSplitLists(
  { root, source, splits }: Description,
  { files, remarks }: ReadContext,
): Promise<{ entries: Description["splits"]; stems: Partial<Record<SplitName, string[]>> }> {
  const given = Object.keys(splits).length > 0;
  const found: Description["splits"] = {};
  const lists: Partial<Record<SplitName, string[]>> = {};
  for (const split of SPLIT_NAMES) {
    const entries = given ? (splits[split] ?? []) : await firstExisting(root, SPLIT_LISTS[split], files);
    if (entries.length === 0) continue;
    found[split] = entries;
    const firstLine = new Map<string, number>();
    for (const entry of entries) {
      const file = resolve(root, entry);
      const text = await files.text(file).catch(() => undefined);
      if (text === undefined) {
        throw new DatasetError(`${source}: ${split} names "${entry}", but the list ${file} cannot be read`);
      }
      for (const [index, line] of linesOf(text).entries()) {
        if (line === "") continue;
        const earlier = firstLine.get(line);
        if (earlier === undefined) firstLine.set(line, index + 1);
        else {
          const reason = `the same image as line ${earlier}; used once`;
          remarks.push({ file, line: index + 1, kind: "row-duplicate", reason });
        }
      }
    }
    lists[split] = [...firstLine.keys()];
  }
  return { entries: found, stems: lists };
}

async function firstExisting(root: string, names: readonly string[], files: FileAccess): Promise<string[]> {
  for (const name of names) {
    const file = join("ImageSets", "Main", name);
    if (await files.exists(join(root, file))) return [file];
  }
  return [];
}

async function imagesByStem(
  { root, images = "JPEGImages", source }: Description,
  files: FileAccess,
): Promise<Map<string, string>> {
  const folder = resolve(root, images);
  if ((await files.kind(folder)) !== "folder") {
    throw new DatasetError(`${source}: the image folder ${folder} does not exist; name it with "images:"`);
  }
  const found = (await files.names(folder)).filter(isImageFile);
  return new Map(found.map((file) => [basename(file, extname(file)), join(folder, file)]));
}

const number = z.string().trim().min(1).pipe(z.coerce.number());

const objectSchema = z.object({
  name: z.string().trim().min(1),
  difficult: z.string().optional(),
  pose: z.string().trim().optional(),
  truncated: z.string().trim().optional(),
  occluded: z.string().trim().optional(),
  bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }),
});

/** Facts of an object that are kept as attributes, each with the value that says nothing. */
const UNSAID = { pose: "Unspecified", truncated: "0", occluded: "0" } as const;

const annotationSchema = z.object({
  annotation: z.object({
    size: z.object({ width: number, height: number }).optional(),
    object: z.array(z.unknown()).default([]),
  }),
});

interface VocObject {
  readonly line: number;
  /** The object, or why it cannot be used. */
  readonly content: z.infer<typeof objectSchema> | string;
}

interface Annotation {
  readonly stem: string;
  readonly file: string;
  readonly objects: readonly VocObject[];
  /** As the file says; absent when it says nothing or zero. */
  readonly size?: ImageSize;
  readonly missing?: boolean;
  /** Set when the file as a whole cannot be used. */
  readonly failure?: { line?: number; reason: string };
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === "object" });

async function readAnnotation(folder: string, stem: string, files: FileAccess): Promise<Annotation> {
  const file = join(folder, `${stem}.xml`);
  const failed = (reason: string, line?: number): Annotation => {
    return { stem, file, objects: [], failure: line === undefined ? { reason } : { reason, line } };
  };
  const text = await files.text(file).catch((error: unknown) => new Error(messageOf(error)));
  if (text === undefined) return { ...failed("annotation file is missing"), missing: true };
  if (text instanceof Error) return failed(`cannot read the annotation (${text.message})`);
  // The parser forgives missing ends; half an annotation must not pass for a whole one.
  if (!text.trimEnd().endsWith("</annotation>")) {
    return failed("does not end with </annotation>: truncated or no VOC annotation", linesOf(text.trimEnd()).length);
  }
  // A document type may define entities that multiply into gigabytes, and no annotation needs one.
  if (/<!DOCTYPE/i.test(text)) return failed("has a document type definition, which is not read");
  const unbalanced = unbalancedTag(text);
  if (unbalanced) return failed(`not an XML file: ${unbalanced.reason}`, unbalanced.line);
  const content = parseXml(text);
  if (content instanceof Error) return failed(`not an XML file: ${content.message}`);
  const result = annotationSchema.safeParse(content);
  if (!result.success) return failed(`not a VOC annotation: ${firstIssue(result.error)}`);
  const { size, object } = result.data.annotation;
  const lines = objectLines(text);
  const objects = object.map((content, index) => ({ line: lines[index] ?? 1, content: parseObject(content) }));
  return { stem, file, objects, ...(size && size.width > 0 && size.height > 0 && { size }) };
}

function parseXml(text: string): unknown {
  try {
    return parser.parse(text);
  } catch (error) {
    return new Error(messageOf(error).replace(/\s+/g, " "));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseObject(content: unknown): VocObject["content"] {
  const result = objectSchema.safeParse(content);
  return result.success ? result.data : firstIssue(result.error);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join(".") || "content"}: ${issue.message}`;
}

/** 1-based lines on which the objects begin, in order: the parser does not tell. */
function objectLines(text: string): number[] {
  const lines: number[] = [];
  let line = 1;
  for (const [token] of text.matchAll(/\n|<object[\s>]/g)) {
    if (token !== "\n") lines.push(line);
    if (token.endsWith("\n")) line++;
  }
  return lines;
}

function sortedNames(annotations: Iterable<Annotation>): string[] {
  const names = new Set<string>();
  for (const { objects } of annotations) {
    for (const { content } of objects) if (typeof content !== "string") names.add(content.name);
  }
  return [...names].sort();
}

async function readSamples(
  annotations: readonly Annotation[],
  images: ReadonlyMap<string, string>,
  names: readonly string[],
  context: ReadContext,
): Promise<Sample[]> {
  const usable: { annotation: Annotation; path: string }[] = [];
  for (const annotation of annotations) {
    const path = images.get(annotation.stem);
    const failure = failureOf(annotation, path);
    if (failure)
      context.problems.push({ file: annotation.file, ...failure, ...(path !== undefined && { image: path }) });
    else if (path !== undefined) usable.push({ annotation, path });
  }
  const paths = usable.map(({ path }) => path);
  const sizes = await context.files.imageSizes(paths, context.problems);
  const samples: Sample[] = [];
  for (const [index, { annotation, path }] of usable.entries()) {
    const size = sizes[index];
    const sample = size && toSample(annotation, path, size, names, context);
    if (sample) samples.push(sample);
  }
  return samples;
}

function failureOf({ stem, failure }: Annotation, image: string | undefined) {
  const failed = (kind: ProblemKind, reason: string) => ({ kind, reason: `${reason}; image skipped` });
  if (failure) return { ...failure, ...failed("label-unreadable", failure.reason) };
  if (image === undefined) return failed("image-missing", `no image ${quoted(stem)} in the image folder`);
  return undefined;
}

function toSample(
  { stem, file, objects, size: said }: Annotation,
  path: string,
  size: ImageSize,
  names: readonly string[],
  { faithful, thorough, problems, remarks }: ReadContext,
): Sample | undefined {
  if (said && (said.width !== size.width || said.height !== size.height)) {
    const reason = `says ${said.width} x ${said.height} px but the image has ${size.width} x ${size.height}; image skipped`;
    problems.push({ file, kind: "image-size-differs", reason, image: path });
    return undefined;
  }
  const builder = new SampleBuilder({ id: stem, path, ...size }, { clip: true, faithful });
  for (const [row, { line, content }] of objects.entries()) {
    const place = { file, line, row, image: path };
    const refuse = (kind: ProblemKind, reason: string) =>
      void problems.push(rowProblem(place, { kind, reason }, "; object skipped"));
    if (typeof content === "string") {
      refuse("row-malformed", content);
      continue;
    }
    const classIndex = names.indexOf(content.name);
    if (classIndex < 0) {
      refuse("class-unknown", `class ${quoted(content.name)} is none of the dataset's names (${names.join(", ")})`);
      continue;
    }
    const { refused, remark } = builder.add({
      ...toRow(content, classIndex),
      ...(thorough && { place: { file, line, row } }),
    });
    if (refused) problems.push(rowProblem(place, refused, "; object skipped"));
    if (remark) remarks.push(rowProblem(place, remark, faithful ? "" : "; cut at the edge"));
  }
  return builder.build();
}

function toRow(object: z.infer<typeof objectSchema>, classIndex: number): BoxRow {
  const { xmin, ymin, xmax, ymax } = object.bndbox;
  const said = Object.entries(UNSAID).flatMap(([key, unsaid]) => {
    const value = object[key as keyof typeof UNSAID];
    return value === undefined || value === "" || value === unsaid ? [] : [[key, value] as const];
  });
  const attributes: Attributes = Object.fromEntries(said);
  return {
    classIndex,
    box: [xmin, ymin, xmax, ymax],
    crowd: object.difficult?.trim() === "1",
    ...(said.length > 0 && { attributes }),
  };
}

/** Annotations and images that no list names. */
async function lookForUnlisted(
  folder: string,
  images: ReadonlyMap<string, string>,
  listed: ReadonlyMap<string, Annotation>,
  { files, remarks }: ReadContext,
): Promise<void> {
  const annotated = new Set<string>();
  for (const name of await files.names(folder)) {
    const stem = basename(name, ".xml");
    if (extname(name) !== ".xml") continue;
    annotated.add(stem);
    if (listed.has(stem)) continue;
    const file = join(folder, name);
    if (!images.has(stem)) {
      remarks.push({ file, kind: "label-without-image", reason: "no image of the dataset has these labels" });
    }
  }
  for (const [stem, file] of images) {
    if (listed.has(stem)) continue;
    if (annotated.has(stem)) remarks.push({ file, kind: "image-unlisted", reason: "annotated, but in no split" });
    else remarks.push({ file, kind: "image-without-label", reason: "no annotation file, and in no split" });
  }
}

const DECIMALS = 3;

async function writeVoc(dataset: Dataset, target: DatasetTarget): Promise<void> {
  target.loseIds(dataset);
  const { names, splits, categoryIds } = dataset;
  if (categoryIds?.some((id, index) => id !== index + 1)) target.lose("category ids (classes are named)", names.length);
  for (const split of SPLIT_NAMES) {
    if (!splits[split]) continue;
    const stems: string[] = [];
    for (const sample of splits[split]) {
      const image = target.image(sample, "JPEGImages");
      const stem = basename(image, extname(image));
      stems.push(stem);
      await target.text(join("Annotations", `${stem}.xml`), xmlText(annotationOf(sample, image, names, target)));
    }
    await target.text(join("ImageSets", "Main", `${split}.txt`), stems.map((stem) => `${stem}\n`).join(""));
  }
  // Without it, classes would come back in the order of their names.
  const lists = SPLIT_NAMES.filter((split) => splits[split]).map((split) => [split, `ImageSets/Main/${split}.txt`]);
  await target.text("data.yaml", stringify({ format: "voc", ...Object.fromEntries(lists), names }));
}

function annotationOf(sample: Sample, image: string, names: readonly string[], target: DatasetTarget): XmlContent {
  const { width, height, classes, crowd, polygons, masks, attributes } = sample;
  target.loseKeypoints(sample);
  const object = Array.from(classes, (classIndex, row) => {
    if (polygons?.[row]?.length) target.lose("polygons (boxes are kept)");
    if (masks?.[row]) target.lose("run-length masks (boxes are kept)");
    const [xmin, ymin, xmax, ymax] = boxOf(sample, row).map((value) => Number(value.toFixed(DECIMALS)));
    const said = { ...UNSAID, ...attributes?.[row] };
    const unknown = Object.keys(said).filter((key) => !(key in UNSAID));
    target.lose("attributes of objects", unknown.length);
    const { pose, truncated, occluded } = said;
    const facts = { pose, truncated, occluded, difficult: crowd[row]! };
    return { name: names[classIndex]!, ...facts, bndbox: { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! } };
  });
  const size = { width, height, depth: 3 };
  return { annotation: { folder: "JPEGImages", filename: image, size, segmented: 0, object } };
}

/** Objects are found by their tags, so that everything around them stays as it is to the last blank. */
function repairVoc(text: string, edits: readonly RowEdit[]): string {
  const changes = new Map(edits.map(({ row, change }) => [row, change]));
  let row = -1;
  return text.replace(/[ \t]*<object[\s>][\s\S]*?<\/object>[ \t]*(\r?\n)?/g, (object) => {
    const change = changes.get(++row);
    if (change === undefined) return object;
    if (change === "drop") return "";
    const [xmin, ymin, xmax, ymax] = change.box;
    return Object.entries({ xmin, ymin, xmax, ymax }).reduce(
      (edited, [tag, value]) =>
        edited.replace(new RegExp(`(<${tag}>)[^<]*(</${tag}>)`), `$1${Number(value.toFixed(DECIMALS))}$2`),
      object,
    );
  });
}
