/**
 * Pictures that turn bad while a run trains: counted after every epoch in one line, and listed in the run's problems.json, which a
 * resumed run goes on with. What is wrong with a data set from the start is told when it is opened, and is not among them.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { problemText, type Problem } from "../data/index.js";
import { writeWhole } from "@yolov9/torch/whole-file";

const Entry = z.object({ epoch: z.int(), split: z.enum(["train", "val"]), file: z.string(), reason: z.string() });
type Entry = z.output<typeof Entry>;
type Split = Entry["split"];

/** All that the loaders of a run could not read so far, each picture once. */
export type LoaderProblems = Readonly<Record<Split, readonly Problem[]>>;

const PLURALS: Readonly<Record<Split, readonly [one: string, many: string]>> = {
  train: ["training image", "training images"],
  val: ["validation image", "validation images"],
};

export class EpochProblems {
  readonly #path: string;
  readonly #entries: Entry[];
  readonly #known: Set<string>;

  /** @param path of problems.json; what it lists already is not new */
  constructor(path: string) {
    this.#path = path;
    this.#entries = readEntries(path);
    this.#known = new Set(this.#entries.map(keyOf));
  }

  /**
   * Books what is bad after an epoch, and lists what is new.
   * @param epoch from 1 on
   * @returns a line with the counts, an example (a new one where there is one) and the list's path; undefined when nothing is bad
   */
  report(epoch: number, found: LoaderProblems): string | undefined {
    const parts: string[] = [];
    let example: Problem | undefined;
    const before = this.#entries.length;
    for (const split of ["train", "val"] as const) {
      const problems = found[split];
      const fresh = problems.filter(({ file }) => !this.#known.has(keyOf({ split, file })));
      for (const { file, reason } of fresh) this.#add({ epoch, split, file, reason });
      if (problems.length > 0)
        parts.push(`${problems.length} ${PLURALS[split][problems.length === 1 ? 0 : 1]} (${fresh.length} new)`);
      example ??= fresh[0];
    }
    example ??= found.train[0] ?? found.val[0];
    if (example === undefined) return undefined;
    if (this.#entries.length > before) writeWhole(this.#path, `${JSON.stringify(this.#entries, undefined, 1)}\n`);
    return `warning: ${parts.join(" and ")} cannot be read: ${problemText(example)}; all of them: ${this.#path}`;
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.#known.add(keyOf(entry));
  }
}

function keyOf({ split, file }: Pick<Entry, "split" | "file">): string {
  return `${split} ${file}`;
}

/** A list that cannot be read is begun anew: it is for people, and nothing depends on it. */
function readEntries(path: string): Entry[] {
  if (!existsSync(path)) return [];
  try {
    return z.array(Entry).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return [];
  }
}
