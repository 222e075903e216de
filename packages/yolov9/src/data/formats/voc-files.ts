/**
 * Which annotation file belongs to which picture: by equal stems, nearest first. Entries of a split are lists of stems or paths, folders of
 * annotation files, or folders of pictures.
 */

import { dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";

import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import { isImageFile } from "../image-files.js";
import { DatasetError, type Problem, type SplitName } from "../sample.js";
import { stemOf } from "../split-of-path.js";
import { labelPathOf } from "./format.js";
import { linesOf } from "./lines.js";

/** An annotation file that an entry of a split stands for. */
export interface VocItem {
  /** The file that is read. */
  readonly file: string;
  /** Its path in a label folder of its own. */
  readonly place: string;
  /** The picture, where the entry names it. */
  readonly picture?: string;
}

/** Names of picture folders, for the choice between two that are equally near. */
const PICTURE_FOLDER = /^(jpe?g)?(images?|imgs?|pictures|photos)$/iu;

export class VocFiles {
  readonly #description: Description;
  readonly #files: FileAccess;
  #pictures: Promise<Map<string, string[]>> | undefined;
  #annotations: Promise<Map<string, string[]>> | undefined;

  constructor(description: Description, files: FileAccess) {
    this.#description = description;
    this.#files = files;
  }

  /** The folder that holds all pictures: as described, VOC's own, or else the data set's. */
  async pictureFolder(): Promise<string> {
    const { root, images, source } = this.#description;
    const folder = resolve(root, images ?? "JPEGImages");
    if ((await this.#files.kind(folder)) === "folder") return folder;
    if (images === undefined) return root;
    throw new DatasetError(`${source}: the image folder ${folder} does not exist; name it with "images:"`);
  }

  /** The folder that holds all annotation files. */
  async annotationFolder(): Promise<string> {
    const { root, labels } = this.#description;
    const folder = resolve(root, labels ?? "Annotations");
    return labels !== undefined || (await this.#files.kind(folder)) === "folder" ? folder : root;
  }

  /** All pictures by stem. */
  pictures(): Promise<ReadonlyMap<string, readonly string[]>> {
    this.#pictures ??= this.pictureFolder().then((folder) => this.#byStem(folder, isImageFile));
    return this.#pictures;
  }

  /** All annotation files by stem. */
  annotations(): Promise<ReadonlyMap<string, readonly string[]>> {
    this.#annotations ??= this.annotationFolder().then((folder) => this.#byStem(folder, isAnnotation));
    return this.#annotations;
  }

  /** The picture of an annotation file; undefined when there is none. */
  async pictureOf({ file, picture }: VocItem): Promise<string | undefined> {
    if (picture !== undefined) return picture;
    const candidates = (await this.pictures()).get(stemOf(file)) ?? [];
    return nearest(candidates, await this.pictureFolder(), this.#inside(file));
  }

  /**
   * Annotation files behind one entry of a split.
   * @throws DatasetError when the entry is neither a folder nor a list
   */
  async itemsOf(entry: string, split: SplitName, remarks: Problem[]): Promise<VocItem[]> {
    const { root, source } = this.#description;
    const path = resolve(root, entry);
    if ((await this.#files.kind(path)) === "folder") return this.#itemsBelow(path);
    if (isAnnotation(path)) return [this.#annotationItem(path)];
    const text = await this.#files.text(path).catch(() => undefined);
    if (text === undefined) {
      throw new DatasetError(
        `${source}: ${split} names "${entry}", but ${path} is neither a folder nor a list of images that can be read`,
      );
    }
    return this.#itemsOfList(text, path, remarks);
  }

  async #itemsBelow(folder: string): Promise<VocItem[]> {
    const all = await this.#files.filesBelow(folder);
    const annotations = all.filter(isAnnotation);
    if (annotations.length > 0) return annotations.map((file) => this.#annotationItem(file));
    const items = await Promise.all(all.filter(isImageFile).map((picture) => this.#pictureItem(picture)));
    return items.filter((item) => item !== undefined);
  }

  async #itemsOfList(text: string, list: string, remarks: Problem[]): Promise<VocItem[]> {
    const { root, labels = "Annotations" } = this.#description;
    const firstLine = new Map<string, number>();
    const items: VocItem[] = [];
    for (const [index, line] of linesOf(text).entries()) {
      if (line === "") continue;
      const earlier = firstLine.get(line);
      if (earlier !== undefined) {
        const reason = `the same image as line ${earlier}; used once`;
        remarks.push({ file: list, line: index + 1, kind: "row-duplicate", reason });
        continue;
      }
      firstLine.set(line, index + 1);
      const path = resolve(root, line);
      const isPicture = isImageFile(line) && (await this.#files.exists(path));
      const named = isPicture ? await this.#pictureItem(path) : undefined;
      const stem = isImageFile(line) ? stemOf(line) : line;
      const usual = { file: resolve(root, labels, `${stem}.xml`), place: `${stem}.xml` };
      items.push(named ?? (isAnnotation(line) ? this.#annotationItem(path) : await this.#listed(stem, usual)));
    }
    return items;
  }

  /** The annotation file of a stem: in the usual folder, or wherever there is one. */
  async #listed(stem: string, usual: VocItem): Promise<VocItem> {
    if (await this.#files.exists(usual.file)) return usual;
    const [found] = (await this.annotations()).get(stem) ?? [];
    return found === undefined ? usual : this.#annotationItem(found);
  }

  /** Where repaired labels lie in a folder of their own, they are read instead of the file itself. */
  #annotationItem(file: string): VocItem {
    const { root, labels } = this.#description;
    const place = labelPathOf(file, root);
    const own = labels === undefined ? undefined : resolve(root, labels);
    return own === undefined || isInside(file, own) ? { file, place } : { file: join(own, place), place };
  }

  async #pictureItem(picture: string): Promise<VocItem | undefined> {
    const candidates = (await this.annotations()).get(stemOf(picture)) ?? [];
    const file = nearest(candidates, await this.annotationFolder(), this.#inside(picture));
    return file === undefined ? undefined : { file, place: labelPathOf(file, this.#description.root), picture };
  }

  /** A path from the data set's root, or from the label folder. */
  #inside(file: string): string {
    const { root, labels } = this.#description;
    const own = labels === undefined ? root : resolve(root, labels);
    return relative(isInside(file, own) ? own : root, file);
  }

  async #byStem(folder: string, wanted: (path: string) => boolean): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const file of (await this.#files.filesBelow(folder)).filter(wanted)) {
      const list = found.get(stemOf(file));
      if (list) list.push(file);
      else found.set(stemOf(file), [file]);
    }
    return found;
  }
}

function isAnnotation(path: string): boolean {
  return extname(path).toLowerCase() === ".xml";
}

function isInside(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return !inside.startsWith("..") && !isAbsolute(inside);
}

/** The path that shares most of its first steps with `near`; both from their own roots. */
function nearest(candidates: readonly string[], root: string, near: string): string | undefined {
  if (candidates.length < 2) return candidates[0];
  const steps = near.split(sep);
  const closeness = (path: string): number => {
    const own = relative(root, path).split(sep);
    const shared = steps.findIndex((step, index) => own[index] !== step);
    return 2 * (shared < 0 ? steps.length : shared) + Number(dirname(path).split(sep).some(isPictureFolder));
  };
  return candidates.reduce((best, path) => (closeness(path) > closeness(best) ? path : best));
}

function isPictureFolder(name: string): boolean {
  return PICTURE_FOLDER.test(name);
}
