/** Which split a folder or file is for, as its name says. */

import { basename, extname, sep } from "node:path";

import type { SplitName } from "./sample.js";

const WORDS: Readonly<Record<string, SplitName>> = {
  train: "train",
  training: "train",
  trainset: "train",
  val: "val",
  valid: "val",
  validate: "val",
  validation: "val",
  valset: "val",
  dev: "val",
  test: "test",
  testing: "test",
  testset: "test",
};

/** `train2017`, `obj_Validation_data` and `images-test.csv` name a split by one of their words, `contest` none. */
export function splitOfName(name: string): SplitName | undefined {
  const words = name.toLowerCase().split(/[^a-z]+/u);
  return words
    .map((word) => (Object.hasOwn(WORDS, word) ? WORDS[word] : undefined))
    .find((split) => split !== undefined);
}

/** The split that the last telling step of a relative path names. */
export function splitOfPath(path: string): SplitName | undefined {
  const steps = path.split(sep).reverse();
  return steps.map(splitOfName).find((split) => split !== undefined);
}

/** A file's name without extension. */
export function stemOf(file: string): string {
  return basename(file, extname(file));
}
