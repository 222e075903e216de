/** How a data set was understood, as a YAML file that says all of it: to be read, corrected and used instead of the folder. */

import { writeFile } from "node:fs/promises";

import { describeDataset } from "./dataset.js";
import { descriptionText } from "./description.js";
import { DatasetError, type Dataset } from "./sample.js";
import { messageOf } from "../error-message.js";

/**
 * Write the description of a data set that is open.
 * @param path the data set as it was opened
 * @param file must not exist
 * @throws DatasetError when the file exists or cannot be written, or the data set is put together from others
 */
export async function writeDescription(path: string, dataset: Dataset, file: string): Promise<void> {
  const { format, description, parts, classes, singleClass } = await describeDataset(path);
  if (parts || classes || singleClass) {
    throw new DatasetError(`${path}: puts data sets or classes together; its own file is the description`);
  }
  const splits: Record<string, unknown> = {};
  for (const [split, entries] of Object.entries(description.splits)) {
    splits[split] = entries.length === 1 ? entries[0] : entries;
  }
  const text = descriptionText(format, description, dataset.names, splits);
  await writeFile(file, text, { flag: "wx" }).catch((error: unknown) => {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new DatasetError(exists ? `${file}: exists already; choose a new file` : `${file}: ${messageOf(error)}`);
  });
}
