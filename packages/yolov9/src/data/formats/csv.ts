/**
 * CSV: a row an object, `image,width,height,class,x1,y1,x2,y2` with corners in pixels, and a row without class for an image without
 * objects. Other programs' columns are recognised by their header names (see COLUMNS). One file a split, or one with a column `split`.
 */

import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";

import { stringify } from "yaml";

import type { DatasetTarget } from "../dataset-target.js";
import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile, type ImageSize } from "../image-files.js";
import { SampleBuilder, type RowIssue } from "../sample-builder.js";
import {
  boxOf,
  DatasetError,
  indicesOf,
  namesInMessage,
  quoted,
  SPLIT_NAMES,
  type Box,
  type Dataset,
  type Sample,
  type SplitName,
} from "../sample.js";
import { splitOfName } from "../split-of-path.js";
import { proposeCsv } from "./csv-layout.js";
import { csvLine, parseCsv, type CsvRecord } from "./csv-text.js";
import { labelPathOf, rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { editLines } from "./lines.js";

/** Header names by what they mean, in small letters without blanks, dots, hyphens and underscores. */
const COLUMNS = {
  image: ["image", "filename", "file", "path", "imageid", "imagepath", "imagename", "filepath"],
  width: ["width", "imagewidth", "imgwidth"],
  height: ["height", "imageheight", "imgheight"],
  class: ["class", "label", "classname", "labelname", "category", "name"],
  x1: ["x1", "xmin", "left", "bboxx1", "xtl"],
  y1: ["y1", "ymin", "top", "bboxy1", "ytl"],
  x2: ["x2", "xmax", "right", "bboxx2", "xbr"],
  y2: ["y2", "ymax", "bottom", "bboxy2", "ybr"],
  x: ["x", "bboxx", "bboxleft"],
  y: ["y", "bboxy", "bboxtop"],
  w: ["w", "bboxwidth", "bboxw", "boxwidth"],
  h: ["h", "bboxheight", "bboxh", "boxheight"],
  cx: ["cx", "xcenter", "centerx", "xcentre"],
  cy: ["cy", "ycenter", "centery", "ycentre"],
  split: ["split", "set", "subset"],
  ignore: ["ignore", "crowd", "iscrowd", "difficult", "isgroupof"],
} as const;

type Column = keyof typeof COLUMNS;

/** The columns that give a box, in three usual ways. */
const BOX_COLUMNS: readonly (readonly [Column, Column, Column, Column])[] = [
  ["x1", "y1", "x2", "y2"],
  ["x", "y", "w", "h"],
  ["cx", "cy", "w", "h"],
];

export const csv: DatasetFormat = {
  name: "csv",
  propose: (survey, files) => proposeCsv(survey, files, (header) => columnsOf(header) !== undefined),

  async open(description, context) {
    const entries = description.splits;
    const tables = await readTables(entries, description, context.files);
    const rows = tables.flatMap(({ rows }) => rows);
    const names = description.names ?? namesOf(rows);
    const splits: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of context.splits) {
      const wanted = tables.flatMap((table) => rowsOfSplit(table, split));
      if (wanted.length > 0) splits[split] = await readSamples(wanted, names, description, context);
    }
    const files = new Map(tables.map(({ file }) => [file, labelPathOf(file, description.root)]));
    const labelFiles = { entries, files };
    return { format: "csv", root: description.root, names, splits, ...(context.thorough && { labelFiles }) };
  },

  write: writeCsv,

  repair(text, edits) {
    const [header] = parseCsv(text);
    const columns = header ? columnsOf(header.fields) : undefined;
    return editLines(text, edits, (line, { box, width, height }) => {
      const fields = [...(parseCsv(line)[0]?.fields ?? [])];
      if (columns) replaceBox(fields, columns, box, { width, height });
      return csvLine(fields);
    });
  },
};

/** Column numbers by meaning, and which of the ways a box is given in. */
interface Columns {
  readonly index: Readonly<Partial<Record<Column, number>>>;
  readonly box: readonly [Column, Column, Column, Column];
}

function columnsOf(header: readonly string[]): Columns | undefined {
  const index: Partial<Record<Column, number>> = {};
  header.forEach((name, position) => {
    const plain = name.toLowerCase().replace(/[\s._-]/g, "");
    for (const [column, known] of Object.entries(COLUMNS) as [Column, readonly string[]][]) {
      if (known.includes(plain)) index[column] ??= position;
    }
  });
  const box = BOX_COLUMNS.find((columns) => columns.every((column) => index[column] !== undefined));
  return box && index.image !== undefined && index.class !== undefined ? { index, box } : undefined;
}

interface Row {
  readonly file: string;
  readonly line: number;
  readonly image: string;
  readonly className: string;
  /** As written, in the order of the box columns. */
  readonly values: readonly string[];
  readonly columns: Columns;
  readonly width: string;
  readonly height: string;
  readonly split: string;
  readonly ignore: boolean;
}

interface Table {
  readonly file: string;
  readonly split: SplitName;
  readonly rows: readonly Row[];
  readonly hasSplits: boolean;
}

async function readTables(
  entries: Partial<Record<SplitName, string[]>>,
  { root, source }: Description,
  files: FileAccess,
): Promise<Table[]> {
  const tables: Table[] = [];
  for (const split of SPLIT_NAMES) {
    for (const entry of entries[split] ?? []) {
      const file = resolve(root, entry);
      const text = await files.text(file).catch(() => undefined);
      if (text === undefined)
        throw new DatasetError(`${source}: ${split} names "${entry}", but ${file} cannot be read`);
      tables.push({ file, split, ...toTable(file, parseCsv(text)) });
    }
  }
  return tables;
}

function toTable(file: string, [header, ...records]: CsvRecord[]): Pick<Table, "rows" | "hasSplits"> {
  const columns = header && columnsOf(header.fields);
  if (!columns) {
    const found = header ? header.fields.slice(0, 12).join(", ") : "nothing";
    throw new DatasetError(
      `${file}:1: the header must name an image, a class and a box (image,width,height,class,x1,y1,x2,y2); found ${found}`,
    );
  }
  const rows = records.map(({ line, fields }): Row => {
    const field = (column: Column): string => {
      const position = columns.index[column];
      return position === undefined ? "" : (fields[position] ?? "");
    };
    return {
      file,
      line,
      image: field("image"),
      className: field("class"),
      values: columns.box.map(field),
      columns,
      width: field("width"),
      height: field("height"),
      split: field("split").toLowerCase(),
      ignore: ["1", "true", "yes"].includes(field("ignore").toLowerCase()),
    };
  });
  return { rows, hasSplits: columns.index.split !== undefined };
}

function rowsOfSplit({ rows, hasSplits, split: own }: Table, split: SplitName): Row[] {
  if (hasSplits) return rows.filter((row) => (splitOfName(row.split) ?? own) === split);
  return own === split ? [...rows] : [];
}

function namesOf(rows: readonly Row[]): string[] {
  const names = new Set(rows.map(({ className }) => className).filter((name) => name !== ""));
  const numbers = [...names].every((name) => /^\d+$/.test(name));
  return [...names].sort((a, b) => (numbers ? Number(a) - Number(b) : a < b ? -1 : 1));
}

async function readSamples(
  rows: readonly Row[],
  names: readonly string[],
  description: Description,
  context: ReadContext,
): Promise<Sample[]> {
  const byImage = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.image === "") {
      const issue: RowIssue = { kind: "row-malformed", reason: "no image is named" };
      context.problems.push(rowProblem(row, issue, "; row skipped"));
      continue;
    }
    const list = byImage.get(row.image);
    if (list) list.push(row);
    else byImage.set(row.image, [row]);
  }
  const images = [...byImage.values()];
  const paths: string[] = [];
  let found: Promise<ReadonlyMap<string, string>> | undefined;
  const elsewhere = () => (found ??= imagesByName(description.root, context.files));
  for (const [row] of images) paths.push(await locateImage(row!, description, context.files, elsewhere));
  const sizes = await context.files.imageSizes(paths, context.problems);
  const indices = indicesOf(names);
  const fractions = (description.units ?? guessUnits(rows)) === "fraction";
  return images.flatMap((list, index) => {
    const size = sizes[index];
    return size ? [toSample(list, paths[index]!, size, indices, fractions, context)] : [];
  });
}

/** Beside the file, in a folder `images` or the split's, as a path from the root, named without extension, or anywhere below the root. */
async function locateImage(
  { file, image }: Row,
  { root, images }: Description,
  files: FileAccess,
  elsewhere: () => Promise<ReadonlyMap<string, string>>,
): Promise<string> {
  const base = dirname(file);
  const split = basename(file, ".csv");
  const folders =
    images === undefined
      ? [base, root, join(base, "images"), join(base, split), join(base, "images", split), join(root, basename(base))]
      : [resolve(root, images)];
  const names = extname(image) === "" ? [image, `${image}.jpg`, `${image}.png`, `${image}.jpeg`] : [image];
  for (const folder of folders) {
    for (const name of names) {
      const path = resolve(folder, name);
      if ((await files.kind(path)) !== "absent") return path;
    }
  }
  const usual = resolve(folders[0]!, image);
  return images === undefined ? ((await elsewhere()).get(basename(image)) ?? usual) : usual;
}

/** All images below a folder by their names, for tables that name no folder; the first of two counts. */
async function imagesByName(folder: string, files: FileAccess): Promise<ReadonlyMap<string, string>> {
  const all = (await files.filesBelow(folder)).filter(isImageFile).reverse();
  return new Map(all.map((path) => [basename(path), path]));
}

/** Coordinates that are all between 0 and 1 are fractions: boxes of a pixel would be no boxes. */
function guessUnits(rows: readonly Row[]): "pixel" | "fraction" {
  const values = rows.flatMap((row) => row.values.filter((value) => value !== "").map(Number));
  return values.length > 0 && values.every((value) => value >= 0 && value <= 1) ? "fraction" : "pixel";
}

function toSample(
  rows: readonly Row[],
  path: string,
  size: ImageSize,
  indices: ReadonlyMap<string, number>,
  fractions: boolean,
  { problems, remarks, faithful, thorough }: ReadContext,
): Sample {
  const id = basename(path, extname(path));
  const builder = new SampleBuilder({ id, path, ...size }, { clip: true, faithful });
  for (const row of rows) {
    const place = { file: row.file, line: row.line, row: row.line - 1, image: path };
    const refuse = (kind: RowIssue["kind"], reason: string) =>
      void problems.push(rowProblem(place, { kind, reason }, "; row skipped"));
    if (row.className === "" && row.values.every((value) => value === "")) continue;
    const box = boxFrom(row, size, fractions);
    const classIndex = indices.get(row.className);
    const said = `${row.width} x ${row.height}`;
    if (row.width !== "" && said !== `${size.width} x ${size.height}`) {
      refuse("image-size-differs", `says ${said} px but the image has ${size.width} x ${size.height}`);
    } else if (typeof box === "string") refuse("row-malformed", box);
    else if (classIndex === undefined) {
      refuse(
        "class-unknown",
        `class ${quoted(row.className)} is none of the dataset's names (${namesInMessage([...indices.keys()])})`,
      );
    } else {
      const { refused, remark } = builder.add({
        box,
        classIndex,
        crowd: row.ignore,
        ...(thorough && { place: { file: row.file, line: row.line, row: row.line - 1 } }),
      });
      if (refused) problems.push(rowProblem(place, refused, "; row skipped"));
      if (remark) remarks.push(rowProblem(place, remark, faithful ? "" : "; cut at the edge"));
    }
  }
  return builder.build();
}

function boxFrom({ values, columns }: Row, { width, height }: ImageSize, fractions: boolean): Box | string {
  const bad = values.find((value) => value === "" || !Number.isFinite(Number(value)));
  if (bad !== undefined) return `${quoted(bad)} is not a number`;
  const scaled = values.map((value, i) => Number(value) * (fractions ? (i % 2 === 0 ? width : height) : 1));
  const [a, b, c, d] = scaled as [number, number, number, number];
  if (columns.box[0] === "x1") return [a, b, c, d];
  return columns.box[0] === "x" ? [a, b, a + c, b + d] : [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
}

/** Write a box into the fields of a row, in the row's own way and units. */
function replaceBox(fields: string[], { index, box: ways }: Columns, [x1, y1, x2, y2]: Box, size: ImageSize): void {
  const old = ways.map((column) => Number(fields[index[column]!]));
  const fractions = old.every((value) => value <= 1);
  const values = {
    x1: [x1, y1, x2, y2],
    x: [x1, y1, x2 - x1, y2 - y1],
    cx: [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
  }[ways[0] as "x1" | "x" | "cx"];
  ways.forEach((column, i) => {
    const unit = fractions ? (i % 2 === 0 ? size.width : size.height) : 1;
    fields[index[column]!] = String(Number((values[i]! / unit).toFixed(fractions ? 9 : DECIMALS)));
  });
}

const HEADER = ["image", "width", "height", "class", "x1", "y1", "x2", "y2"];
const DECIMALS = 3;

async function writeCsv(dataset: Dataset, target: DatasetTarget): Promise<void> {
  target.loseIds(dataset);
  const { names, splits } = dataset;
  const present = SPLIT_NAMES.filter((split) => splits[split]);
  const marks = present.some((split) => splits[split]!.some(({ crowd }) => crowd.includes(1)));
  if (dataset.categoryIds?.some((id, index) => id !== index + 1)) {
    target.lose("category ids (classes are named)", names.length);
  }
  for (const split of present) {
    const lines = [csvLine(marks ? [...HEADER, "ignore"] : HEADER)];
    for (const sample of splits[split]!) {
      const { width, height, classes, crowd } = sample;
      const name = target.image(sample, join("images", split));
      const image = isAbsolute(name) ? name : `images/${split}/${name}`;
      countLosses(sample, target);
      if (classes.length === 0) lines.push(csvLine([image, width, height, "", "", "", "", ""]));
      classes.forEach((classIndex, row) => {
        const box = boxOf(sample, row).map((value) => Number(value.toFixed(DECIMALS)));
        lines.push(csvLine([image, width, height, names[classIndex]!, ...box, ...(marks ? [crowd[row]!] : [])]));
      });
    }
    await target.text(`${split}.csv`, `${lines.join("\n")}\n`);
  }
  // Without it, classes would come back in the order of their names, and coordinates might be guessed wrong.
  const files = Object.fromEntries(present.map((split) => [split, `${split}.csv`]));
  await target.text("data.yaml", stringify({ format: "csv", ...files, units: "pixel", names }));
}

function countLosses(sample: Sample, target: DatasetTarget): void {
  const { polygons, masks, attributes } = sample;
  target.loseKeypoints(sample);
  target.lose("polygons (boxes are kept)", polygons?.filter((rings) => rings.length > 0).length ?? 0);
  target.lose("run-length masks (boxes are kept)", masks?.filter((mask) => mask !== undefined).length ?? 0);
  target.lose("attributes of objects", attributes?.filter((entry) => entry !== undefined).length ?? 0);
}
