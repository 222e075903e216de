/** Opens one split of a data set, and tells what had to be left out. */
import {
  checkCommand,
  DatasetError,
  openDataset,
  problemLines,
  type Dataset,
  type Problem,
  type Sample,
  type SplitName,
} from "../data/index.js";

/** Takes remarks, a line each. */
export type Note = (line: string) => void;

/** @throws DatasetError when the data set has no such split, naming those that it has */
export async function openSplit(
  path: string,
  split: SplitName,
  note: Note,
  { singleClass = false, maxMegapixels }: { readonly singleClass?: boolean; readonly maxMegapixels: number },
): Promise<{ dataset: Dataset; samples: readonly Sample[] }> {
  const options = { splits: [split], singleClass, maxPixels: maxMegapixels * 1e6, deriveVal: true };
  const dataset = await openDataset(path, options).catch(async (error: unknown) => {
    throw (await withoutSplit(path, split)) ?? error;
  });
  const samples = dataset.splits[split];
  if (samples === undefined)
    throw (await withoutSplit(path, split)) ?? new DatasetError(`${path}: no split "${split}"`);
  noteUnderstanding(dataset, note);
  noteProblems(dataset.problems, path, note);
  return { dataset, samples };
}

/** What to say of a data set that can be read but has no such split; undefined for any other. */
async function withoutSplit(path: string, split: SplitName): Promise<DatasetError | undefined> {
  const dataset = await openDataset(path, { deriveVal: true }).catch(() => undefined);
  if (dataset === undefined || split in dataset.splits) return undefined;
  const found = Object.entries(dataset.splits).map(([name, samples]) => `${name} (${samples.length})`);
  return new DatasetError(
    `${path}: the data set has no split "${split}"; the images that it has are ${found.join(", ")}`,
  );
}

/** How a data set was understood where it does not say so itself. */
export function noteUnderstanding({ notes }: Pick<Dataset, "notes">, note: Note): void {
  for (const line of new Set(notes)) note(`note: ${line}`);
}

/** One line a kind of problem, and the command that tells every single one of this data set. */
export function noteProblems(problems: readonly Problem[], data: string, note: Note): void {
  for (const line of problemLines(problems, checkCommand(data))) note(`warning: ${line}`);
}
