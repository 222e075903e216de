/**
 * The YOLO format: images/…/x.jpg with labels/…/x.txt, a row an object (see yolo-rows.ts). An image without label file is a background
 * image. Reads folders, globs, lists of paths and single images; writes `images/<split>`, `labels/<split>` and data.yaml.
 */

import { basename, dirname, extname, join, relative, resolve } from "node:path";

import { isDynamicPattern } from "tinyglobby";
import { messageOf } from "../../error-message.js";
import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile, isUnsupportedImageFile, mapBounded, type ImageSize } from "../image-files.js";
import { SampleBuilder, type RowIssue } from "../sample-builder.js";
import { DatasetError, type KeypointSet, type Problem, type Sample, type SplitName } from "../sample.js";
import { rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { editLines, linesOf } from "./lines.js";
import { labelPath, labelPathIn } from "./yolo-paths.js";
import { boxText, parseRow } from "./yolo-rows.js";
import { writeYolo } from "./yolo-writer.js";

const LABEL_FILES_AT_ONCE = 32;

/** So many bad rows of a file are told one by one; a file of another kind would fill the screen. */
const TOLD_ROWS = 20;

const SPLIT_FOLDERS: Record<SplitName, readonly string[]> = {
  train: ["train", "train2017"],
  val: ["val", "valid", "validation", "val2017"],
  test: ["test", "test2017"],
};

export const yolo: DatasetFormat = {
  name: "yolo",
  layout: "images/{train,val} and labels/{train,val}, or {train,valid}/images and {train,valid}/labels",

  async recognises(folder, files) {
    return Object.keys(await findSplits(folder, files)).length > 0;
  },

  async open(description, context) {
    const given = Object.keys(description.splits).length > 0;
    const entries = given ? description.splits : await findSplits(description.root, context.files);
    const names = description.names ?? (await namesFile(description.root, context.files));
    const reader = new YoloReader(description, names?.length, context);
    const samples: Partial<Record<SplitName, Sample[]>> = {};
    for (const split of context.splits) {
      const listed = entries[split];
      if (listed) samples[split] = await reader.readSplit(listed, split);
    }
    if (context.thorough) await reader.lookForOrphans();
    const labelFiles = { entries, files: reader.labelFiles };
    const { categoryIds, keypoints } = description;
    return {
      format: "yolo",
      root: description.root,
      names: names ?? numberedNames(samples),
      splits: samples,
      ...(categoryIds && { categoryIds }),
      ...(keypoints && { keypoints: withoutDimensions(keypoints) }),
      ...(context.thorough && { labelFiles }),
    };
  },

  write: writeYolo,

  listLine: ({ path }) => path,

  repair(text, edits) {
    return editLines(text, edits, (line, { box, width, height }) => {
      // What follows the box of a row are its keypoints.
      const [classIndex, , , , , ...points] = line.trim().split(/\s+/);
      return [boxText(Number(classIndex), box, { width, height }), ...points].join(" ");
    });
  },
};

function withoutDimensions({ count, names, flip }: KeypointSet): KeypointSet {
  return { count, ...(names && { names }), ...(flip && { flip }) };
}

/** Splits of a folder without description; `images/` without subfolders is all training data. */
async function findSplits(root: string, files: FileAccess): Promise<Description["splits"]> {
  const splits: Description["splits"] = {};
  for (const [split, folders] of Object.entries(SPLIT_FOLDERS) as [SplitName, readonly string[]][]) {
    for (const folder of folders) {
      const candidates = [join("images", folder), join(folder, "images")];
      for (const candidate of candidates) {
        if (await files.exists(join(root, candidate))) splits[split] ??= [candidate];
      }
    }
  }
  if (Object.keys(splits).length > 0) return splits;
  const flat = (await files.exists(join(root, "images"))) && (await files.exists(join(root, "labels")));
  return flat ? { train: ["images"] } : {};
}

/** labelImg and others leave the class names in classes.txt, a name a line. */
async function namesFile(root: string, files: FileAccess): Promise<string[] | undefined> {
  for (const file of [join(root, "classes.txt"), join(root, "labels", "classes.txt")]) {
    const text = await files.text(file);
    if (text !== undefined) return linesOf(text).filter((line) => line !== "");
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

class YoloReader {
  readonly #description: Description;
  readonly #classCount: number | undefined;
  readonly #context: ReadContext;
  /** Label files that an image stands for. */
  readonly #expected = new Set<string>();
  /** Label files that there are, by the path that each would have in a label folder of its own. */
  readonly labelFiles = new Map<string, string>();

  constructor(description: Description, classCount: number | undefined, context: ReadContext) {
    this.#description = description;
    this.#classCount = classCount;
    this.#context = context;
  }

  async readSplit(entries: readonly string[], split: SplitName): Promise<Sample[]> {
    const { files, problems } = this.#context;
    let images: string[] = [];
    for (const entry of entries) images = [...images, ...(await this.#imagesOf(entry, split))];
    for (const image of images) this.#expected.add(this.#labelPath(image));
    const sizes = await files.imageSizes(images, problems);
    let labelled = 0;
    const read = await mapBounded(images, LABEL_FILES_AT_ONCE, async (path, index) => {
      const size = sizes[index];
      if (!size) return undefined;
      const found = { problems: [], remarks: [] };
      const { sample, hasLabels } = await this.#readSample(path, size, found);
      if (hasLabels) labelled++;
      return { sample, found };
    });
    const whole = read.filter((entry) => entry !== undefined);
    for (const { found } of whole) {
      problems.push(...found.problems);
      this.#context.remarks.push(...found.remarks);
    }
    if (whole.length > 0 && labelled === 0) {
      const looked = this.#labelPath(images[0]!);
      const reason = `none of the ${whole.length} images of "${split}" has a label file (looked for ${looked} and so on)`;
      problems.push({ file: this.#description.source, kind: "split-without-labels", reason });
    }
    return whole.map(({ sample }) => sample);
  }

  /** Image paths behind one entry of a description: a folder, a glob, a .txt list of paths, or one image. */
  async #imagesOf(entry: string, split: SplitName): Promise<string[]> {
    const { root, source } = this.#description;
    const { files } = this.#context;
    const path = await this.#locate(entry);
    if (path === undefined && isDynamicPattern(entry)) return files.imagesMatching(entry, root);
    if (path === undefined) {
      throw new DatasetError(
        `${source}: ${split} names "${entry}", but ${resolve(root, entry)} does not exist; paths are relative to "path", which is relative to the file`,
      );
    }
    if ((await files.kind(path)) === "folder") return this.#imagesBelow(path);
    if (isImageFile(path)) return [path];
    if (extname(path) !== ".txt") {
      throw new DatasetError(
        `${source}: ${split} names "${entry}", which is neither a folder, a .txt list nor an image`,
      );
    }
    const list = await files.text(path).catch((error: unknown) => {
      throw new DatasetError(`${path}: cannot be read as a list of images (${messageOf(error)})`);
    });
    return this.#listed(list ?? "", path);
  }

  async #imagesBelow(folder: string): Promise<string[]> {
    const { files, remarks, thorough } = this.#context;
    const all = await files.filesBelow(folder, (file) =>
      remarks.push({
        file,
        kind: "link-cycle",
        reason: "leads back to a folder above it or entered before; not followed",
      }),
    );
    if (thorough) {
      for (const file of all.filter(isUnsupportedImageFile)) {
        remarks.push({
          file,
          kind: "image-unlisted",
          reason: `no decoder for ${extname(file)} files; convert it to PNG`,
        });
      }
    }
    return all.filter(isImageFile);
  }

  /** Paths of a list; a leading "./" means "beside this list", everything else starts at the root. An image counts once. */
  #listed(text: string, list: string): string[] {
    const firstLine = new Map<string, number>();
    for (const [index, line] of linesOf(text).entries()) {
      if (line === "") continue;
      const path = resolve(line.startsWith("./") ? dirname(list) : this.#description.root, line);
      const earlier = firstLine.get(path);
      if (earlier === undefined) firstLine.set(path, index + 1);
      else {
        const reason = `the same image as line ${earlier}; used once`;
        this.#context.remarks.push({ file: list, line: index + 1, kind: "row-duplicate", reason });
      }
    }
    return [...firstLine.keys()];
  }

  /** Some exporters write `../train/images` for what lies at `train/images`. */
  async #locate(entry: string): Promise<string | undefined> {
    const candidates = entry.startsWith("../") ? [entry, entry.slice("../".length)] : [entry];
    for (const candidate of candidates) {
      const path = resolve(this.#description.root, candidate);
      if (await this.#context.files.exists(path)) return path;
    }
    return undefined;
  }

  #labelPath(image: string): string {
    const { labels, root } = this.#description;
    return labels === undefined ? labelPath(image) : labelPathIn(resolve(root, labels), image, root);
  }

  async #readSample(
    path: string,
    size: ImageSize,
    found: { problems: Problem[]; remarks: Problem[] },
  ): Promise<{ sample: Sample; hasLabels: boolean }> {
    const { faithful, files, thorough } = this.#context;
    const builder = new SampleBuilder({ id: basename(path, extname(path)), path, ...size }, { clip: true, faithful });
    const file = this.#labelPath(path);
    const text = await files.text(file).catch((error: unknown) => {
      const reason = `cannot read the labels (${messageOf(error)}); rows skipped`;
      found.problems.push({ file, kind: "label-unreadable", reason, image: path });
      return undefined;
    });
    if (text === undefined && thorough) {
      const reason = `no label file ${relative(this.#description.root, file)}: a background image`;
      found.remarks.push({ file: path, kind: "image-without-label", reason });
    }
    if (text !== undefined) this.labelFiles.set(file, labelPathIn("", path, this.#description.root));
    const firstLine = new Map<string, number>();
    for (const [index, line] of linesOf(text ?? "").entries()) {
      if (line !== "") this.#addRow(line, size, builder, firstLine, { file, line: index + 1, row: index }, found);
    }
    const untold = found.problems.length - TOLD_ROWS;
    if (untold > 0) {
      found.problems.length = TOLD_ROWS;
      found.problems.push({ file, kind: "row-malformed", reason: `and ${untold} more rows are unusable`, image: path });
    }
    return { sample: builder.build(), hasLabels: text !== undefined };
  }

  #addRow(
    line: string,
    size: ImageSize,
    builder: SampleBuilder,
    firstLine: Map<string, number>,
    at: { file: string; line: number; row: number },
    found: { problems: Problem[]; remarks: Problem[] },
  ): void {
    const place = { ...at, image: builder.path };
    const refuse = (issue: RowIssue) => void found.problems.push(rowProblem(place, issue, "; row skipped"));
    const row = parseRow(line, size, this.#description.keypoints);
    const issue = "reason" in row ? row : this.#classIssue(row.classIndex);
    const earlier = firstLine.get(line);
    if (issue) refuse(issue);
    else if (earlier !== undefined && !this.#context.faithful) {
      refuse({ kind: "row-duplicate", reason: `the same row as line ${earlier}` });
    }
    if ("reason" in row || issue || (earlier !== undefined && !this.#context.faithful)) return;
    firstLine.set(line, at.line);
    const { refused, remark } = builder.add(this.#context.thorough ? { ...row, place: at } : row);
    if (refused) found.problems.push(rowProblem(place, refused, "; row skipped"));
    if (remark) found.remarks.push(rowProblem(place, remark, this.#context.faithful ? "" : "; cut at the edge"));
  }

  #classIssue(classIndex: number): RowIssue | undefined {
    const count = this.#classCount;
    if (count === undefined || classIndex < count) return undefined;
    const reason = `class ${classIndex} but the dataset names ${count} classes (0..${count - 1})`;
    return { kind: "class-unknown", reason };
  }

  /** Label files that no image stands for, in the folders where labels were looked for. */
  async lookForOrphans(): Promise<void> {
    const { files, remarks } = this.#context;
    const folders = new Set([...this.#expected].map((path) => dirname(path)));
    for (const folder of [...folders].sort()) {
      for (const name of await files.names(folder)) {
        const file = join(folder, name);
        if (extname(name) !== ".txt" || name === "classes.txt" || this.#expected.has(file)) continue;
        if (await this.#isList(file)) continue;
        remarks.push({ file, kind: "label-without-image", reason: "no image of the dataset has these labels" });
      }
    }
  }

  /** Lists of images often lie beside them. */
  async #isList(file: string): Promise<boolean> {
    const text = await this.#context.files.text(file).catch(() => undefined);
    const [first] = linesOf(text ?? "").filter((line) => line !== "");
    return first !== undefined && isImageFile(first);
  }
}
