/** A data set from one format to another: everything that the new one can hold, and a count of what it cannot. */

import { DatasetTarget, type ImagePlacement } from "./dataset-target.js";
import { openDataset, type OpenOptions } from "./dataset.js";
import { formatNamed } from "./formats/registry.js";
import { SPLIT_NAMES, type Dataset, type Problem } from "./sample.js";

export interface ConvertOptions extends Pick<OpenOptions, "splits" | "classes" | "singleClass"> {
  /** Name of the new format. */
  readonly to: string;
  /** Folder that is made; must not exist or be empty. */
  readonly output: string;
  /** Default "copy". */
  readonly images?: ImagePlacement;
}

export interface Conversion {
  readonly from: string;
  readonly to: string;
  readonly output: string;
  readonly images: number;
  readonly objects: number;
  /** Kinds of things that the new format has no place for, and how many there were. */
  readonly lost: Readonly<Record<string, number>>;
  /** Rows and images that could not be read. */
  readonly problems: readonly Problem[];
}

/**
 * Write a data set in another format into a new folder. Odd boxes go over as they are: judging them is what `data check` is for.
 * @throws DatasetError when it cannot be read or written; then there is no new folder
 */
export async function convertDataset(path: string, options: ConvertOptions): Promise<Conversion> {
  const { to, output, images = "copy", ...which } = options;
  const dataset = await openDataset(path, { ...which, faithful: true, cache: false, maxPixels: Infinity });
  const lost = await writeDataset(dataset, to, output, images);
  const samples = SPLIT_NAMES.flatMap((split) => dataset.splits[split] ?? []);
  return {
    from: dataset.format,
    to,
    output,
    images: samples.length,
    objects: samples.reduce((sum, { classes }) => sum + classes.length, 0),
    lost: Object.fromEntries(lost),
    problems: dataset.problems,
  };
}

/** Write a data set that is open. @returns how many things of each kind the format could not hold */
export async function writeDataset(
  dataset: Dataset,
  format: string,
  output: string,
  images: ImagePlacement,
): Promise<ReadonlyMap<string, number>> {
  return DatasetTarget.fill(output, images, (target) => formatNamed(format).write(dataset, target));
}
