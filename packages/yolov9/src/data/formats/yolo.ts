/**
 * The YOLO format: images/…/x.jpg with labels/…/x.txt, a row an object (see yolo-rows.ts). An image without label file is a background
 * image. Reads folders, globs, lists of paths and single images; writes `images/<split>`, `labels/<split>` and data.yaml.
 */

import { basename, dirname, extname, join, relative, resolve } from "node:path";

import { isDynamicPattern } from "tinyglobby";
import { messageOf } from "../../error-message.js";
import type { Description } from "../description.js";
import { isImageFile, isUnsupportedImageFile, mapBounded, type ImageSize } from "../image-files.js";
import { SampleBuilder, type RowIssue } from "../sample-builder.js";
import { DatasetError, SPLIT_NAMES, type KeypointSet, type Problem, type Sample, type SplitName } from "../sample.js";
import { rowProblem, type DatasetFormat, type ReadContext } from "./format.js";
import { editLines, linesOf } from "./lines.js";
import { namesBeside, proposeYolo } from "./yolo-layout.js";
import { labelPath, labelPathIn } from "./yolo-paths.js";
import { boxText, parseRow } from "./yolo-rows.js";
import { writeYolo } from "./yolo-writer.js";

const LABEL_FILES_AT_ONCE = 32;

/** So many bad rows of a file are told one by one; a file of another kind would fill the screen. */
const TOLD_ROWS = 20;

export const yolo: DatasetFormat = {
  name: "yolo",
  propose: proposeYolo,

  async open(description, context) {
    const entries = description.splits;
    const given = description.names ?? (await namesBeside(description, context.files));
    const reader = new YoloReader(description, given?.length, context);
    const read: Partial<Record<SplitName, Sample[]>> = {};
    // Without names all splits are read, wanted or not: the number of classes must not depend on which splits are opened.
    for (const split of given ? context.splits : SPLIT_NAMES) {
      const listed = entries[split];
      if (listed) read[split] = await reader.readSplit(listed, split);
    }
    const names = given ?? numberedNames(read, description.classCount);
    if (!given && names.length > 0) context.notes.push(unnamed(description, names));
    const samples = Object.fromEntries(
      Object.entries(read).filter(([split]) => context.splits.includes(split as SplitName)),
    );
    if (context.thorough) await reader.lookForOrphans();
    const labelFiles = { entries, files: reader.labelFiles };
    const { categoryIds, keypoints } = description;
    return {
      format: "yolo",
      root: description.root,
      names,
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

function unnamed({ source }: Description, names: readonly string[]): string {
  const range = names.length === 1 ? names[0]! : `${names[0]!} … ${names.at(-1)!}`;
  return `${source}: no class names were found, so classes are called ${range}; name them in classes.txt, a name a line, or with "names:" in a YAML file`;
}

function numberedNames(splits: Partial<Record<SplitName, readonly Sample[]>>, least = 0): string[] {
  let highest = least - 1;
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
    const path = resolve(root, entry);
    const exists = await files.exists(path);
    if (!exists && isDynamicPattern(entry)) return files.imagesMatching(entry, root);
    if (!exists) {
      throw new DatasetError(
        `${source}: ${split} names "${entry}", but ${path} does not exist; paths are relative to "path", which is relative to the file`,
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
