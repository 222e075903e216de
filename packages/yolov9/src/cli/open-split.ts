/** Opens one split of a data set for a command, and tells what had to be left out. */
import {
  checkCommand,
  openDataset,
  problemLines,
  type Dataset,
  type Problem,
  type Sample,
  type SplitName,
} from "../data/index.js";
import { UserError } from "./user-error.js";
import { note } from "../terminal.js";

/** @throws UserError when the data set has no such split, naming those that it has */
export async function openSplit(
  path: string,
  split: SplitName,
  { singleClass = false, maxMegapixels }: { readonly singleClass?: boolean; readonly maxMegapixels: number },
): Promise<{ dataset: Dataset; samples: readonly Sample[] }> {
  const options = { splits: [split], singleClass, maxPixels: maxMegapixels * 1e6, deriveVal: true };
  const dataset = await openDataset(path, options).catch(async (error: unknown) => {
    throw (await withoutSplit(path, split)) ?? error;
  });
  const samples = dataset.splits[split];
  if (samples === undefined) throw (await withoutSplit(path, split)) ?? new UserError(`${path}: no split "${split}"`);
  reportNotes(dataset);
  reportProblems(dataset.problems, path);
  return { dataset, samples };
}

/** What to say of a data set that can be read but has no such split; undefined for any other. */
async function withoutSplit(path: string, split: SplitName): Promise<UserError | undefined> {
  const dataset = await openDataset(path, { deriveVal: true }).catch(() => undefined);
  if (dataset === undefined || split in dataset.splits) return undefined;
  const found = Object.entries(dataset.splits).map(([name, samples]) => `${name} (${samples.length})`);
  return new UserError(`${path}: the data set has no split "${split}"; the images that it has are ${found.join(", ")}`);
}

/** How a data set was understood where it does not say so itself, on standard error. */
export function reportNotes({ notes }: Pick<Dataset, "notes">): void {
  for (const line of new Set(notes)) note(`note: ${line}`);
}

/** One line a kind of problem on standard error, and the command that tells every single one of this data set. */
export function reportProblems(problems: readonly Problem[], data: string): void {
  for (const line of problemLines(problems, checkCommand(data))) note(`warning: ${line}`);
}
