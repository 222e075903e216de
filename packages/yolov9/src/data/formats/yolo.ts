/**
 * The YOLO format: images/…/x.jpg with labels/…/x.txt, a row an object: `class cx cy w h` or a polygon `class x1 y1 x2 y2 x3 y3 …`, all as
 * fractions of the image. Box or polygon is decided per row. An image without label file is a background image.
 */

import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve, sep } from "node:path";

import type { Description } from "../description.js";
import { isImageFile, listImages, mapBounded, readImageSizes, type ImageSize } from "../image-files.js";
import { SampleBuilder, type BoxRow } from "../sample-builder.js";
import { DatasetError, type Problem, type Sample, type SplitName } from "../sample.js";
import type { DatasetFormat } from "./format.js";
import { linesOf } from "./lines.js";

/** How far beyond 1 a fraction may lie, for labels that were rounded when written. */
const ROUNDING = 1e-3;

const LABEL_FILES_AT_ONCE = 32;

const SPLIT_FOLDERS: Record<SplitName, readonly string[]> = {
  train: ["train", "train2017"],
  val: ["val", "valid", "validation", "val2017"],
  test: ["test", "test2017"],
};

export const yolo: DatasetFormat = {
  name: "yolo",
  layout: "images/{train,val} and labels/{train,val}, or {train,valid}/images and {train,valid}/labels",

  async recognises(folder) {
    return Object.keys(await findSplits(folder)).length > 0;
  },

  async open(description, splits, problems) {
    const entries =
      Object.keys(description.splits).length > 0 ? description.splits : await findSplits(description.root);
    const names = description.names ?? (await namesFile(description.root));
    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of splits) {
      const listed = entries[split];
      if (listed) samples[split] = await readSplit(listed, split, description, names?.length, problems);
    }
    return { format: "yolo", root: description.root, names: names ?? numberedNames(samples), splits: samples };
  },
};

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Splits of a folder without description; `images/` without subfolders is all training data. */
async function findSplits(root: string): Promise<Description["splits"]> {
  const splits: Description["splits"] = {};
  for (const [split, folders] of Object.entries(SPLIT_FOLDERS) as [SplitName, readonly string[]][]) {
    for (const folder of folders) {
      const candidates = [join("images", folder), join(folder, "images")];
      for (const candidate of candidates) {
        if (await exists(join(root, candidate))) splits[split] ??= [candidate];
      }
    }
  }
  if (Object.keys(splits).length > 0) return splits;
  const flat = (await exists(join(root, "images"))) && (await exists(join(root, "labels")));
  return flat ? { train: ["images"] } : {};
}

/** labelImg and others leave the class names in classes.txt, a name a line. */
async function namesFile(root: string): Promise<string[] | undefined> {
  for (const file of [join(root, "classes.txt"), join(root, "labels", "classes.txt")]) {
    if (await exists(file)) return linesOf(await readFile(file, "utf8")).filter((line) => line !== "");
  }
  return undefined;
}

function numberedNames(splits: Partial<Record<SplitName, readonly Sample[]>>): string[] {
  let highest = -1;
  for (const samples of Object.values(splits)) {
    for (const { classes } of samples) for (const index of classes) highest = Math.max(highest, index);
  }
  return Array.from({ length: highest + 1 }, (_, index) => `class${index}`);
}

async function readSplit(
  entries: readonly string[],
  split: SplitName,
  description: Description,
  classCount: number | undefined,
  problems: Problem[],
): Promise<Sample[]> {
  const images: string[] = [];
  for (const entry of entries) images.push(...(await imagesOf(entry, split, description)));
  const sizes = await readImageSizes(images, problems);
  let labelled = 0;
  const read = await mapBounded(images, LABEL_FILES_AT_ONCE, async (path, index) => {
    const size = sizes[index];
    if (!size) return undefined;
    const found: Problem[] = [];
    const { sample, hasLabels } = await readSample(path, size, classCount, found);
    if (hasLabels) labelled++;
    return { sample, found };
  });
  const whole = read.filter((entry) => entry !== undefined);
  for (const { found } of whole) problems.push(...found);
  if (whole.length > 0 && labelled === 0) {
    const reason = `none of the ${whole.length} images of "${split}" has a label file (looked for ${labelPath(images[0]!)} and so on)`;
    problems.push({ file: description.source, reason });
  }
  return whole.map(({ sample }) => sample);
}

/** Image paths behind one entry of a description: a folder, a .txt list of paths, or one image. */
async function imagesOf(entry: string, split: SplitName, { root, source }: Description): Promise<string[]> {
  const path = await locate(entry, root);
  const found = path === undefined ? undefined : await stat(path);
  if (path === undefined || !found) {
    throw new DatasetError(
      `${source}: ${split} names "${entry}", but ${resolve(root, entry)} does not exist; paths are relative to "path", which is relative to the file`,
    );
  }
  if (found.isDirectory()) return listImages(path);
  if (isImageFile(path)) return [path];
  if (extname(path) !== ".txt") {
    throw new DatasetError(`${source}: ${split} names "${entry}", which is neither a folder, a .txt list nor an image`);
  }
  // A leading "./" means "beside this list", everything else starts at the root.
  return linesOf(await readFile(path, "utf8"))
    .filter((line) => line !== "")
    .map((line) => resolve(line.startsWith("./") ? dirname(path) : root, line));
}

/** Some exporters write `../train/images` for what lies at `train/images`. */
async function locate(entry: string, root: string): Promise<string | undefined> {
  const candidates = entry.startsWith("../") ? [entry, entry.slice("../".length)] : [entry];
  for (const candidate of candidates) {
    const path = resolve(root, candidate);
    if (await exists(path)) return path;
  }
  return undefined;
}

/** …/images/a/x.jpg → …/labels/a/x.txt (the last "images" counts); without an images folder, beside the image. */
export function labelPath(image: string): string {
  const stem = image.slice(0, image.length - extname(image).length);
  const marker = `${sep}images${sep}`;
  const at = stem.lastIndexOf(marker);
  if (at < 0) return `${stem}.txt`;
  return `${stem.slice(0, at)}${sep}labels${sep}${stem.slice(at + marker.length)}.txt`;
}

async function readSample(
  path: string,
  size: ImageSize,
  classCount: number | undefined,
  problems: Problem[],
): Promise<{ sample: Sample; hasLabels: boolean }> {
  const builder = new SampleBuilder({ id: basename(path, extname(path)), path, ...size });
  const file = labelPath(path);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing) problems.push({ file, reason: `cannot read the labels (${String(error)}); rows skipped` });
    return undefined;
  });
  const firstLine = new Map<string, number>();
  for (const [index, line] of linesOf(text ?? "").entries()) {
    if (line === "") continue;
    const reason = addRow(line, size, classCount, builder, firstLine, index + 1);
    if (reason !== undefined) problems.push({ file, line: index + 1, reason: `${reason}; row skipped` });
  }
  return { sample: builder.build(), hasLabels: text !== undefined };
}

function addRow(
  line: string,
  size: ImageSize,
  classCount: number | undefined,
  builder: SampleBuilder,
  firstLine: Map<string, number>,
  lineNumber: number,
): string | undefined {
  const row = parseRow(line, size);
  if (typeof row === "string") return row;
  if (classCount !== undefined && row.classIndex >= classCount) {
    return `class ${row.classIndex} but the dataset names ${classCount} classes (0..${classCount - 1})`;
  }
  const earlier = firstLine.get(line);
  if (earlier !== undefined) return `the same row as line ${earlier}`;
  firstLine.set(line, lineNumber);
  return builder.add({ ...row, box: builder.clip(row.box) });
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** One label row in pixels, or what is wrong with it. */
export function parseRow(line: string, { width, height }: ImageSize): BoxRow | string {
  const tokens = line.split(/\s+/);
  const bad = tokens.find((token) => !DECIMAL.test(token));
  if (bad !== undefined) return `"${shorten(bad)}" is not a number`;
  const [classIndex, ...values] = tokens.map(Number) as [number, ...number[]];
  if (!Number.isInteger(classIndex) || classIndex < 0) return `class "${tokens[0]!}" is not a whole number from 0 on`;
  const outside = values.find((value) => value < 0 || value > 1 + ROUNDING);
  if (outside !== undefined) return `${outside} is not a fraction of the image (0..1)`;
  if (values.length === 4) return { classIndex, box: boxFromFractions(values, width, height) };
  if (values.length >= 6 && values.length % 2 === 0) return polygonRow(classIndex, values, width, height);
  return `${tokens.length} values: a box has 5 (class cx cy w h), a polygon has 1 + 2 for each of its 3 or more points`;
}

function boxFromFractions(values: readonly number[], width: number, height: number): BoxRow["box"] {
  const [cx, cy, w, h] = values as [number, number, number, number];
  return [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height];
}

function polygonRow(classIndex: number, values: readonly number[], width: number, height: number): BoxRow {
  const ring = Float32Array.from(values, (value, i) => value * (i % 2 === 0 ? width : height));
  const xs = ring.filter((_, i) => i % 2 === 0);
  const ys = ring.filter((_, i) => i % 2 === 1);
  return { classIndex, box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], rings: [ring] };
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
