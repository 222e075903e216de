/** What a check found, as lines for a terminal and as JSON for programs. */

import pc from "picocolors";

import { groupAlike } from "../alike-problems.js";
import { problemText } from "../sample.js";
import type { CheckResult } from "./check-dataset.js";
import { FINDING_KINDS, groupFindings, type Finding, type Severity } from "./findings.js";

const PAINT: Readonly<Record<Severity, (text: string) => string>> = {
  error: pc.red,
  warning: pc.yellow,
  info: pc.cyan,
};

/** Examples of findings that say the same. */
const EXAMPLES = 3;

/** @param show lines of a kind, each for all findings that say the same; 0 tells every finding */
export function checkText({ findings, counts, statistics }: CheckResult, show: number): string {
  const lines: string[] = [];
  for (const [kind, found] of groupFindings(findings)) {
    const { title, advice } = FINDING_KINDS[kind];
    const { severity } = found[0];
    lines.push(`${PAINT[severity](severity)} ${pc.bold(title)} (${found.length}) ${pc.dim(`${kind}: ${advice}`)}`);
    const groups = groupAlike(found);
    if (show === 0) lines.push(...found.map((finding) => `  ${problemText(finding)}`));
    else lines.push(...groups.slice(0, show).flatMap(alikeLines));
    const more = groups.slice(show).reduce((sum, group) => sum + group.length, 0);
    if (show > 0 && more > 0) lines.push(`  and ${more} more of other kinds (--show 0 prints all)`);
  }
  for (const [split, { images, empty, objects }] of Object.entries(statistics?.splits ?? {})) {
    const without = empty > 0 ? `, ${empty} without objects` : "";
    lines.push(`${split}: ${images} images with ${objects} objects${without}`);
  }
  const { error, warning, info } = counts;
  lines.push(`${count(error, "error")}, ${count(warning, "warning")}, ${count(info, "remark")}`);
  return lines.join("\n");
}

/** A few findings one by one; of many, one line with their number and where the first ones are. */
function alikeLines(group: readonly Finding[]): string[] {
  if (group.length <= EXAMPLES) return group.map((finding) => `  ${problemText(finding)}`);
  const places = group.slice(1, EXAMPLES).map(({ file, line }) => `${file}${line === undefined ? "" : `:${line}`}`);
  const more = `${group.length - 1} more like it, in ${places.join(", ")} and so on`;
  return [`  ${problemText(group[0]!)} (and ${more}; --show 0 prints all)`];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Plain values only, without the samples. */
export function checkJson({ path, dataset, findings, counts, statistics }: CheckResult): object {
  return { path, format: dataset?.format, notes: dataset?.notes ?? [], counts, findings, statistics };
}
