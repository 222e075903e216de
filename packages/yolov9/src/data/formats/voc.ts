/**
 * Pascal VOC: an XML file a picture with pixel boxes. Usually Annotations/x.xml, JPEGImages/x.jpg, and ImageSets/Main/{train,val,test}.txt
 * listing stems; any other folders by voc-files.ts. Class names are sorted unless the description orders them. Coordinates are taken as
 * pixel edges, as given. Objects marked "difficult" are neither targets nor errors, which a sample says by `crowd`.
 */

import { mapBounded, type ImageSize } from "../image-files.js";
import { SampleBuilder } from "../sample-builder.js";
import {
  indicesOf,
  namesInMessage,
  quoted,
  SPLIT_NAMES,
  type ProblemKind,
  type Sample,
  type SplitName,
} from "../sample.js";
import { stemOf } from "../split-of-path.js";
import { rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { readAnnotation, repairVoc, toRow, type Annotation } from "./voc-annotation.js";
import { VocFiles, type VocItem } from "./voc-files.js";
import { proposeVoc } from "./voc-layout.js";
import { writeVoc } from "./voc-writer.js";

const ANNOTATIONS_AT_ONCE = 32;

/** An annotation file that is read, and its picture. */
interface Annotated {
  readonly annotation: Annotation;
  readonly path: string | undefined;
}

export const voc: DatasetFormat = {
  name: "voc",

  propose: proposeVoc,

  async open(description, context) {
    const vocFiles = new VocFiles(description, context.files);
    const items: Partial<Record<SplitName, VocItem[]>> = {};
    for (const split of SPLIT_NAMES) {
      for (const entry of description.splits[split] ?? []) {
        (items[split] ??= []).push(...(await vocFiles.itemsOf(entry, split, context.remarks)));
      }
    }
    // Every split is parsed, wanted or not: sorted names must not depend on which splits are opened.
    const all = [
      ...new Map(SPLIT_NAMES.flatMap((split) => items[split] ?? []).map((item) => [item.file, item])).values(),
    ];
    const parsed = await mapBounded(all, ANNOTATIONS_AT_ONCE, ({ file }) => readAnnotation(file, context.files));
    const annotated = new Map<string, Annotated>();
    for (const [index, item] of all.entries()) {
      annotated.set(item.file, { annotation: parsed[index]!, path: await vocFiles.pictureOf(item) });
    }
    const names = description.names ?? sortedNames(parsed);
    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of context.splits) {
      const listed = items[split]?.map(({ file }) => annotated.get(file)!);
      if (listed) samples[split] = await readSamples(listed, names, context);
    }
    if (context.thorough) await lookForUnlisted(vocFiles, annotated, context);
    const opened = { format: "voc", root: description.root, names, splits: samples };
    const existing = all.filter((_, index) => parsed[index]!.missing !== true);
    const labelFiles = {
      entries: description.splits,
      files: new Map(existing.map(({ file, place }) => [file, place])),
    };
    return { ...opened, ...(context.thorough && { labelFiles }) };
  },

  write: writeVoc,

  listLine: ({ path, id }, { splits }) =>
    Object.values(splits)
      .flat()
      .every((entry) => entry.endsWith(".txt"))
      ? String(id)
      : path,

  repair: repairVoc,
};

function sortedNames(annotations: Iterable<Annotation>): string[] {
  const names = new Set<string>();
  for (const { objects } of annotations) {
    for (const { content } of objects) if (typeof content !== "string") names.add(content.name);
  }
  return [...names].sort();
}

async function readSamples(
  annotated: readonly Annotated[],
  names: readonly string[],
  context: ReadContext,
): Promise<Sample[]> {
  const usable: { annotation: Annotation; path: string }[] = [];
  for (const { annotation, path } of annotated) {
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

/** Annotations and images that belong to no split. */
async function lookForUnlisted(
  vocFiles: VocFiles,
  listed: ReadonlyMap<string, Annotated>,
  { remarks }: ReadContext,
): Promise<void> {
  const [pictures, annotations] = [await vocFiles.pictures(), await vocFiles.annotations()];
  const used = new Set([...listed.values()].map(({ path }) => path));
  const stems = new Set([...listed.keys()].map(stemOf));
  for (const [stem, files] of annotations) {
    if (stems.has(stem) || pictures.has(stem)) continue;
    for (const file of files) {
      remarks.push({ file, kind: "label-without-image", reason: "no image of the dataset has these labels" });
    }
  }
  for (const [stem, files] of pictures) {
    if (files.some((file) => used.has(file)) || stems.has(stem)) continue;
    const [kind, reason] = annotations.has(stem)
      ? (["image-unlisted", "annotated, but in no split"] as const)
      : (["image-without-label", "no annotation file, and in no split"] as const);
    for (const file of files) remarks.push({ file, kind, reason });
  }
}
