/**
 * Where detections go: annotated pictures, label texts and one JSON file in a folder. Names of files follow those of the pictures;
 * pictures of the same name from different folders get a number, so that none overwrites another.
 */
import { writeFileSync } from "node:fs";
import { extname, join, parse } from "node:path";
import { problemText, type Problem } from "../data/sample.js";
import { writeWhole } from "@yolov9/torch/whole-file";
import { makeFolder } from "../make-folder.js";
import { makeResultFolder } from "../result-folder.js";
import type { DetectedImage } from "./detected-image.js";
import { ClassColours } from "../draw/palette.js";
import { drawDetections } from "./draw-detections.js";
import type { PictureLimits } from "../data/index.js";
import { labelText } from "./label-text.js";

export interface ResultFileOptions extends PictureLimits {
  /** Annotated pictures, with the names of the pictures. */
  readonly images: boolean;
  /** `labels/NAME.txt`, one row a box. */
  readonly saveTxt: boolean;
  /** Whether those rows end with the score. */
  readonly saveConf: boolean;
  /** `detections.json` with everything. */
  readonly saveJson: boolean;
}

export class ResultFiles {
  readonly folder: string;
  readonly #options: ResultFileOptions;
  readonly #colours = new ClassColours();
  readonly #taken = new Set<string>();
  readonly #all: DetectedImage[] = [];

  /** The folder is created with the first result. */
  constructor(folder: string, options: ResultFileOptions) {
    this.folder = folder;
    this.#options = options;
  }

  get writesAnything(): boolean {
    const { images, saveTxt, saveJson } = this.#options;
    return images || saveTxt || saveJson;
  }

  async add(detected: DetectedImage): Promise<void> {
    const { images, saveTxt, saveConf, saveJson } = this.#options;
    const name = this.#freeName(parse(detected.file).name);
    if (this.writesAnything) makeResultFolder(this.folder);
    if (saveTxt) makeFolder(join(this.folder, "labels"));
    if (saveJson) this.#all.push(detected);
    if (saveTxt) writeFileSync(join(this.folder, "labels", `${name}.txt`), labelText(detected, saveConf));
    if (!images) return;
    const png = extname(detected.file).toLowerCase() === ".png";
    const picture = await drawDetections(
      detected.file,
      detected.boxes,
      png ? "png" : "jpeg",
      this.#options,
      this.#colours,
    );
    writeFileSync(join(this.folder, `${name}.${png ? "png" : "jpg"}`), picture);
  }

  /** Writes `skipped.txt`, a line a picture that could not be read. @returns its path */
  listSkipped(skipped: readonly Problem[]): string {
    const file = join(this.folder, "skipped.txt");
    makeResultFolder(this.folder);
    writeWhole(file, skipped.map((problem) => `${problemText(problem)}\n`).join(""));
    return file;
  }

  /** Writes what consists of all pictures together. */
  finish(): void {
    if (!this.#options.saveJson) return;
    writeFileSync(
      join(this.folder, "detections.json"),
      `${JSON.stringify(this.#all.map(detectedImageJson), undefined, 1)}\n`,
    );
  }

  #freeName(stem: string): string {
    let name = stem;
    for (let i = 2; this.#taken.has(name); i++) name = `${stem}-${i}`;
    this.#taken.add(name);
    return name;
  }
}

const COORDINATE_DECIMALS = 2;
const SCORE_DECIMALS = 5;

/** Detections as JSON shows them: boxes x1 y1 x2 y2 in pixels of the picture. */
export function detectedImageJson({ path, width, height, boxes, milliseconds }: DetectedImage): unknown {
  const round = (value: number, decimals: number): number => Number(value.toFixed(decimals));
  return {
    path,
    width,
    height,
    milliseconds: {
      preprocess: round(milliseconds.preprocess, 1),
      inference: round(milliseconds.inference, 1),
      nms: round(milliseconds.nms, 1),
    },
    detections: boxes.map(({ box, score, classIndex, className }) => ({
      class: classIndex,
      name: className,
      score: round(score, SCORE_DECIMALS),
      box: box.map((value) => round(value, COORDINATE_DECIMALS)),
    })),
  };
}

/** `3 RBC, 1 WBC`, most frequent class first; `nothing` without detections. */
export function detectionCounts({ boxes }: DetectedImage): string {
  const counts = new Map<string, number>();
  for (const { className } of boxes) counts.set(className, (counts.get(className) ?? 0) + 1);
  if (counts.size === 0) return "nothing";
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}
