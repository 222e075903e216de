/**
 * Pascal VOC: Annotations/x.xml with pixel boxes, JPEGImages/x.jpg, and ImageSets/Main/{train,val,test}.txt listing stems. Class names are
 * sorted unless the description orders them. Coordinates are taken as pixel edges, as given. Objects marked "difficult" are neither
 * targets nor errors, which a sample says by `crowd`.
 */

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";

import { XMLParser } from "fast-xml-parser";
import { z } from "zod";

import type { Description } from "../description.js";
import { isImageFile, mapBounded, readImageSizes, type ImageSize } from "../image-files.js";
import { SampleBuilder } from "../sample-builder.js";
import { DatasetError, SPLIT_NAMES, type Problem, type Sample, type SplitName } from "../sample.js";
import type { DatasetFormat } from "./format.js";
import { linesOf } from "./lines.js";

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

  async recognises(folder) {
    const names = await readdir(join(folder, "Annotations")).catch(() => []);
    return names.some((name) => name.endsWith(".xml"));
  },

  async open(description, splits, problems) {
    const stems = await readSplitLists(description);
    const images = await imagesByStem(description);
    const annotations = new Map<string, Annotation>();
    // Every split is parsed, wanted or not: sorted names must not depend on which splits are opened.
    const all = [...new Set(SPLIT_NAMES.flatMap((split) => stems[split] ?? []))];
    const parsed = await mapBounded(all, ANNOTATIONS_AT_ONCE, (stem) => readAnnotation(description.root, stem));
    all.forEach((stem, index) => annotations.set(stem, parsed[index]!));
    const names = description.names ?? sortedNames(annotations.values());

    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of splits) {
      const listed = stems[split]?.map((stem) => annotations.get(stem)!);
      if (listed) samples[split] = await readSamples(listed, images, names, problems);
    }
    return { format: "voc", root: description.root, names, splits: samples };
  },
};

async function readSplitLists({ root, source, splits }: Description): Promise<Partial<Record<SplitName, string[]>>> {
  const given = Object.keys(splits).length > 0;
  const lists: Partial<Record<SplitName, string[]>> = {};
  for (const split of SPLIT_NAMES) {
    const files = given ? (splits[split] ?? []) : await firstExisting(root, SPLIT_LISTS[split]);
    if (files.length === 0) continue;
    const stems: string[] = [];
    for (const file of files) {
      const path = resolve(root, file);
      const text = await readFile(path, "utf8").catch(() => {
        throw new DatasetError(`${source}: ${split} names "${file}", but the list ${path} cannot be read`);
      });
      stems.push(...linesOf(text).filter((line) => line !== ""));
    }
    lists[split] = stems;
  }
  return lists;
}

async function firstExisting(root: string, names: readonly string[]): Promise<string[]> {
  for (const name of names) {
    const file = join("ImageSets", "Main", name);
    if (await stat(join(root, file)).catch(() => undefined)) return [file];
  }
  return [];
}

async function imagesByStem({ root, images = "JPEGImages", source }: Description): Promise<Map<string, string>> {
  const folder = resolve(root, images);
  const files = await readdir(folder).catch(() => {
    throw new DatasetError(`${source}: the image folder ${folder} does not exist; name it with "images:"`);
  });
  return new Map(files.filter(isImageFile).map((file) => [basename(file, extname(file)), join(folder, file)]));
}

const number = z.string().trim().min(1).pipe(z.coerce.number());

const objectSchema = z.object({
  name: z.string().trim().min(1),
  difficult: z.string().optional(),
  bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }),
});

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
  /** Set when the file as a whole cannot be used. */
  readonly failure?: { line?: number; reason: string };
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === "object" });

async function readAnnotation(root: string, stem: string): Promise<Annotation> {
  const file = join(root, "Annotations", `${stem}.xml`);
  const failed = (reason: string, line?: number): Annotation => {
    return { stem, file, objects: [], failure: line === undefined ? { reason } : { reason, line } };
  };
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return failed("annotation file is missing");
  // The parser forgives missing ends; half an annotation must not pass for a whole one.
  if (!text.trimEnd().endsWith("</annotation>")) {
    return failed("does not end with </annotation>: truncated or no VOC annotation", linesOf(text.trimEnd()).length);
  }
  const result = annotationSchema.safeParse(parser.parse(text));
  if (!result.success) return failed(`not a VOC annotation: ${firstIssue(result.error)}`);
  const { size, object } = result.data.annotation;
  const lines = objectLines(text);
  const objects = object.map((content, index) => ({ line: lines[index] ?? 1, content: parseObject(content) }));
  return { stem, file, objects, ...(size && size.width > 0 && size.height > 0 && { size }) };
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
  problems: Problem[],
): Promise<Sample[]> {
  const usable: { annotation: Annotation; path: string }[] = [];
  for (const annotation of annotations) {
    const path = images.get(annotation.stem);
    if (annotation.failure) {
      problems.push({
        file: annotation.file,
        ...annotation.failure,
        reason: `${annotation.failure.reason}; image skipped`,
      });
    } else if (path === undefined) {
      problems.push({
        file: annotation.file,
        reason: `no image "${annotation.stem}" in the image folder; image skipped`,
      });
    } else usable.push({ annotation, path });
  }
  const paths = usable.map(({ path }) => path);
  const sizes = await readImageSizes(paths, problems);
  const samples: Sample[] = [];
  for (const [index, { annotation, path }] of usable.entries()) {
    const size = sizes[index];
    const sample = size && toSample(annotation, path, size, names, problems);
    if (sample) samples.push(sample);
  }
  return samples;
}

function toSample(
  { stem, file, objects, size: said }: Annotation,
  path: string,
  size: ImageSize,
  names: readonly string[],
  problems: Problem[],
): Sample | undefined {
  if (said && (said.width !== size.width || said.height !== size.height)) {
    const reason = `says ${said.width} x ${said.height} px but the image has ${size.width} x ${size.height}; image skipped`;
    problems.push({ file, reason });
    return undefined;
  }
  const builder = new SampleBuilder({ id: stem, path, ...size });
  for (const { line, content } of objects) {
    const reason = typeof content === "string" ? content : addObject(content, names, builder);
    if (reason !== undefined) problems.push({ file, line, reason: `${reason}; object skipped` });
  }
  return builder.build();
}

function addObject(object: z.infer<typeof objectSchema>, names: readonly string[], builder: SampleBuilder) {
  const classIndex = names.indexOf(object.name);
  if (classIndex < 0) return `class "${object.name}" is none of the dataset's names (${names.join(", ")})`;
  const { xmin, ymin, xmax, ymax } = object.bndbox;
  return builder.add({
    classIndex,
    box: builder.clip([xmin, ymin, xmax, ymax]),
    crowd: object.difficult?.trim() === "1",
  });
}
