/**
 * Repairs of labels: rows that training would skip are dropped, boxes cut at their image's edge. Works on texts, so that everything else in
 * a file stays as it is. Nothing is written but a new folder: label files, and a data.yaml that joins them with the images in place.
 */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { DatasetTarget } from "../dataset-target.js";
import { describeDataset } from "../dataset.js";
import { descriptionText } from "../description.js";
import { formatNamed } from "../formats/registry.js";
import type { RowEdit } from "../row-edit.js";
import { clipped } from "../sample-builder.js";
import { DatasetError, SPLIT_NAMES, type Dataset, type Sample } from "../sample.js";
import { FINDING_KINDS, type Finding } from "./findings.js";
import { lineDiff } from "./line-diff.js";

export interface FileRepair {
  readonly file: string;
  readonly dropped: number;
  readonly clipped: number;
  readonly before: string;
  readonly after: string;
  /** Unified diff. */
  readonly diff: string;
}

/** What `--fix` would do, file by file. Reads label files and writes nothing. */
export async function planRepairs(dataset: Dataset, findings: readonly Finding[]): Promise<FileRepair[]> {
  const labels = dataset.labelFiles?.files;
  if (!labels) return [];
  const format = formatNamed(dataset.format);
  const sizes = new Map(SPLIT_NAMES.flatMap((split) => dataset.splits[split] ?? []).map((one) => [one.path, one]));
  const edits = new Map<string, Map<number, RowEdit>>();
  for (const finding of findings) {
    const edit = labels.has(finding.file) ? editOf(finding, sizes) : undefined;
    if (!edit) continue;
    const rows = edits.get(finding.file) ?? new Map<number, RowEdit>();
    if (rows.get(edit.row)?.change !== "drop") rows.set(edit.row, edit);
    edits.set(finding.file, rows);
  }
  const repairs: FileRepair[] = [];
  for (const [file, rows] of [...edits].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const before = await readFile(file, "utf8");
    const after = format.repair(before, [...rows.values()]);
    const dropped = [...rows.values()].filter(({ change }) => change === "drop").length;
    repairs.push({ file, dropped, clipped: rows.size - dropped, before, after, diff: lineDiff(before, after) });
  }
  return repairs;
}

function editOf({ kind, row, box, image }: Finding, samples: ReadonlyMap<string, Sample>): RowEdit | undefined {
  const { repair } = FINDING_KINDS[kind];
  if (repair === undefined || row === undefined) return undefined;
  if (repair === "drop") return { row, change: "drop" };
  const sample = image === undefined ? undefined : samples.get(image);
  if (!box || !sample) return undefined;
  const { width, height } = sample;
  return { row, change: { box: clipped(box, sample), width, height } };
}

/**
 * Write all label files of a data set, repaired where something is to be repaired, and a data.yaml into a new folder.
 * @param path the data set as it was opened
 * @throws DatasetError when the folder cannot be made, or the data set is put together from others
 */
export async function writeRepairs(
  path: string,
  dataset: Dataset,
  repairs: readonly FileRepair[],
  output: string,
): Promise<void> {
  const { format, description, parts, classes, singleClass } = await describeDataset(path);
  if (parts || classes || singleClass || !dataset.labelFiles) {
    throw new DatasetError(`${path}: puts data sets or classes together; repair its parts one by one`);
  }
  const { files, entries } = dataset.labelFiles;
  const repaired = new Map(repairs.map(({ file, after }) => [file, after]));
  await DatasetTarget.fill(output, "stay", async (target) => {
    for (const [file, place] of files) {
      await target.text(join("labels", place), repaired.get(file) ?? (await readFile(file, "utf8")));
    }
    const changes: Record<string, unknown> = { labels: target.finalPath("labels") };
    for (const [split, list] of Object.entries(entries)) {
      changes[split] = list.map((entry) => {
        const file = resolve(description.root, entry);
        const place = files.get(file);
        return place === undefined ? file : target.finalPath(join("labels", place));
      });
    }
    await target.text("data.yaml", descriptionText(format, description, dataset.names, changes));
  });
}
