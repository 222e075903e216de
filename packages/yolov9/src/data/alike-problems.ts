/**
 * Problems that say the same, told in one line with their number: a data set that has one mistake has it a thousand times. Whether two
 * say the same is decided by their kind and their words; numbers, paths and quoted texts in them may differ.
 */

import { shellText } from "../shell-text.js";
import { problemText, type Problem } from "./sample.js";

/** What is needed to compare problems and to tell them. */
type Told = Pick<Problem, "file" | "line" | "reason"> & { readonly kind?: string };

/** So many different problems are told, each in one line. */
const MOST_LINES = 10;

/** Groups of problems that say the same, in the order in which the first of each comes; none is empty. */
export function groupAlike<P extends Told>(problems: readonly P[]): (readonly [P, ...P[]])[] {
  const groups = new Map<string, [P, ...P[]]>();
  for (const problem of problems) {
    const key = `${problem.kind ?? ""} ${wordsOf(problem.reason)}`;
    const group = groups.get(key);
    if (group) group.push(problem);
    else groups.set(key, [problem]);
  }
  return [...groups.values()];
}

/** `labels/42.txt:3: class 7 …; row skipped (and 995 more like it)` for a group of 996. */
export function alikeText([first, ...others]: readonly [Told, ...Told[]]): string {
  const more = others.length === 0 ? "" : ` (and ${others.length.toLocaleString("en")} more like it)`;
  return `${problemText(first)}${more}`;
}

/**
 * One line a kind of problem, each with an example and its number, the most frequent first.
 * @param all where every single one can be read: a command or a file, named in a last line when the lines do not say everything
 */
export function problemLines(problems: readonly Told[], all: string): string[] {
  const groups = groupAlike(problems).sort((a, b) => b.length - a.length);
  const told = groups.slice(0, MOST_LINES);
  const untold = groups.slice(MOST_LINES).reduce((count, group) => count + group.length, 0);
  const lines = told.map(alikeText);
  if (untold > 0) lines.push(`and ${untold.toLocaleString("en")} problems of other kinds`);
  if (told.length < problems.length) lines.push(`all ${problems.length.toLocaleString("en")} problems: ${all}`);
  return lines;
}

/** The command that tells every single problem of a data set. */
export function checkCommand(data: string): string {
  return `yolov9 data check --data ${shellText(data)} --show 0`;
}

/** A reason without what differs from file to file. */
function wordsOf(reason: string): string {
  return reason.replace(/"[^"]*"/gu, "\u0000").replace(/\S*[\d/\\]\S*/gu, "\u0000");
}
