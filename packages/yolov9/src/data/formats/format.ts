/** What a data format offers. A new format exports such an object from a file of its name, and has one line in registry.ts. */

import { basename, isAbsolute, relative } from "node:path";

import type { Description } from "../description.js";
import type { FileAccess } from "../file-access.js";
import type { FolderSurvey } from "../folder-survey.js";
import type { RowIssue } from "../sample-builder.js";
import type { Dataset, Problem, Sample, SplitName } from "../sample.js";
import type { DatasetTarget } from "../dataset-target.js";
import type { RowEdit } from "../row-edit.js";

/** What a reader is asked for, and where it reports to. */
export interface ReadContext {
  readonly splits: readonly SplitName[];
  readonly files: FileAccess;
  /** Keep rows that nothing can be learned from (no area, outside, repeated) just as they are: for conversions. */
  readonly faithful: boolean;
  /** Look also for files that nothing refers to, which takes longer: for checks. */
  readonly thorough: boolean;
  /** What had to be left out. */
  readonly problems: Problem[];
  /** What was used although it is odd. */
  readonly remarks: Problem[];
  /** How the data set was understood where it does not say so itself, for the user. */
  readonly notes: string[];
}

/** How a format reads a folder that no file describes. */
export interface Proposal {
  readonly description: Pick<Description, "splits"> & Partial<Omit<Description, "source">>;
  /** Pictures that get their labels this way: the proposal with most of them is taken. */
  readonly pictures: number;
}

export interface DatasetFormat {
  readonly name: string;
  /** How this format would read a folder of which the tree is known; undefined when it holds nothing of the format. */
  propose(survey: FolderSurvey, files: FileAccess): Promise<Proposal | undefined>;
  /**
   * Read annotations and image headers of the wanted splits. Unusable rows and images go to the context's `problems`.
   * @throws DatasetError when nothing can be read
   */
  open(description: Description, context: ReadContext): Promise<Omit<Dataset, "problems" | "remarks" | "notes">>;
  /** Write annotations and, through `target`, images. What the format cannot hold is counted by `target.lose`. */
  write(dataset: Dataset, target: DatasetTarget): Promise<void>;
  /** Where labels are found by the image's path alone: how a list of images names one. */
  listLine?(sample: Sample, description: Description): string;
  /** The text of a label file with some of its rows changed and everything else as it was. */
  repair(text: string, edits: readonly RowEdit[]): string;
}

/** Where a label file that is named by its path from the root lies in a label folder of its own. */
export function labelPathOf(file: string, root: string): string {
  const inside = relative(root, file);
  return inside.startsWith("..") || isAbsolute(inside) ? basename(file) : inside;
}

/** A row's issue as a problem of a file. */
export function rowProblem(
  place: { file: string; line?: number; row?: number; image?: string },
  issue: RowIssue,
  consequence = "",
): Problem {
  return { ...place, ...issue, reason: `${issue.reason}${consequence}` };
}
