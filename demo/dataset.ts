// Writes the demo's data set to disk in YOLO layout: images/SPLIT/*.jpg, labels/SPLIT/*.txt and data.yaml. Does nothing
// when the same set is already there.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { z } from "zod";
import { CLASS_NAMES, loadDigits, SPLITS, type Split } from "./digits.js";
import { Random } from "./random.js";
import { composeScene, type Scene } from "./scenes.js";

export interface DatasetSize {
  /** Scenes a split. */
  scenes: Record<Split, number>;
  /** Width and height of a scene in pixels. */
  size: number;
  seed: number;
}

const Counts = z.object({ train: z.number(), val: z.number(), test: z.number() });

/** What is on disk: how many scenes and boxes a split. */
export const Written = z.object({ scenes: Counts, boxes: Counts });
export type Written = z.output<typeof Written>;

/** High enough that JPEG's blocks do not blur the ink's edge. */
const JPEG_QUALITY = 92;
/** Raised when the same sizes and seed give other scenes than before. */
const COMPOSITION_VERSION = 1;
/** Encoders run on threads of their own; a few scenes are kept in flight. */
const IN_FLIGHT = 8;

/** The file that is written last: it says that the set is whole, and what it holds. */
const SUMMARY = "summary.json";

/** @returns the data set in `folder`, composed now unless it was already there */
export async function writeDataset(folder: string, wanted: DatasetSize): Promise<Written> {
  const key = JSON.stringify({ ...wanted, version: COMPOSITION_VERSION });
  const known = readSummary(folder, key);
  if (known) return known;

  rmSync(folder, { recursive: true, force: true });
  const digits = loadDigits();
  const boxes: Record<Split, number> = { train: 0, val: 0, test: 0 };
  for (const [splitIndex, split] of SPLITS.entries()) {
    for (const kind of ["images", "labels"]) mkdirSync(join(folder, kind, split), { recursive: true });
    const pending: Promise<unknown>[] = [];
    for (let index = 0; index < wanted.scenes[split]; index++) {
      const scene = composeScene(new Random(wanted.seed, splitIndex, index), digits[split], wanted.size);
      boxes[split] += scene.classes.length;
      pending.push(writeScene(folder, split, index, scene));
      if (pending.length >= IN_FLIGHT) await pending.shift();
    }
    await Promise.all(pending);
  }
  writeFileSync(join(folder, "data.yaml"), dataYaml());
  const written = { scenes: wanted.scenes, boxes };
  writeFileSync(join(folder, SUMMARY), JSON.stringify({ key, written }));
  return written;
}

/** The set that `folder` holds, when it is whole and was composed with the same key. */
function readSummary(folder: string, key: string): Written | undefined {
  const file = join(folder, SUMMARY);
  if (!existsSync(file)) return undefined;
  const summary = z.object({ key: z.string(), written: Written }).safeParse(JSON.parse(readFileSync(file, "utf8")));
  return summary.success && summary.data.key === key ? summary.data.written : undefined;
}

async function writeScene(folder: string, split: Split, index: number, scene: Scene): Promise<void> {
  const stem = String(index + 1).padStart(4, "0");
  const { data, width, height } = scene.image;
  writeFileSync(join(folder, "labels", split, `${stem}.txt`), labelRows(scene));
  await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: JPEG_QUALITY, chromaSubsampling: "4:4:4" })
    .toFile(join(folder, "images", split, `${stem}.jpg`));
}

/** One row a box: class, then centre, width and height as fractions of the image. */
export function labelRows({ boxes, classes, image }: Scene): string {
  return Array.from(classes, (label, i) => {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(i * 4, i * 4 + 4);
    const fractions = [
      (x1 + x2) / 2 / image.width,
      (y1 + y2) / 2 / image.height,
      (x2 - x1) / image.width,
      (y2 - y1) / image.height,
    ];
    return `${String(label)} ${fractions.map((fraction) => fraction.toFixed(6)).join(" ")}\n`;
  }).join("");
}

function dataYaml(): string {
  const splits = SPLITS.map((split) => `${split}: images/${split}\n`).join("");
  const names = CLASS_NAMES.map((name, label) => `  ${String(label)}: ${name}\n`).join("");
  return `# Handwritten digits on textured backgrounds, composed by demo/dataset.ts\npath: .\n${splits}names:\n${names}`;
}
