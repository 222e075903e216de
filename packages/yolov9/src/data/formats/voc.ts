/**
 * Pascal VOC: Annotations/x.xml with pixel boxes, JPEGImages/x.jpg, and ImageSets/Main/{train,val,test}.txt listing stems. Class names are
 * sorted unless the description orders them. Coordinates are taken as pixel edges, as given. Objects marked "difficult" are neither
 * targets nor errors, which a sample says by `crowd`.
 */

import { basename, extname, join, resolve } from "node:path";

import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile, mapBounded, type ImageSize } from "../image-files.js";
import { SampleBuilder } from "../sample-builder.js";
import {
  DatasetError,
  indicesOf,
  namesInMessage,
  quoted,
  SPLIT_NAMES,
  type ProblemKind,
  type Sample,
  type SplitName,
} from "../sample.js";
import { rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { linesOf } from "./lines.js";
import { readAnnotation, repairVoc, toRow, type Annotation } from "./voc-annotation.js";
import { writeVoc } from "./voc-writer.js";

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
  const indices = indicesOf(names);
  const samples: Sample[] = [];
  for (const [index, { annotation, path }] of usable.entries()) {
    const size = sizes[index];
    const sample = size && toSample(annotation, path, size, indices, context);
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
  indices: ReadonlyMap<string, number>,
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
    const classIndex = indices.get(content.name);
    if (classIndex === undefined) {
      refuse(
        "class-unknown",
        `class ${quoted(content.name)} is none of the dataset's names (${namesInMessage([...indices.keys()])})`,
      );
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
