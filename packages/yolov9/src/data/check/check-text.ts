/** What a check found, as lines for a terminal and as JSON for programs. */

import pc from "picocolors";

import { problemText } from "../sample.js";
import type { CheckResult } from "./check-dataset.js";
import { FINDING_KINDS, groupFindings, type Severity } from "./findings.js";

const PAINT: Readonly<Record<Severity, (text: string) => string>> = {
  error: pc.red,
  warning: pc.yellow,
  info: pc.cyan,
};

/** @param show findings of a kind that are told one by one; 0 tells all */
export function checkText({ findings, counts, statistics }: CheckResult, show: number): string {
  const lines: string[] = [];
  for (const [kind, found] of groupFindings(findings)) {
    const { title, advice, severity } = FINDING_KINDS[kind];
    lines.push(`${PAINT[severity](severity)} ${pc.bold(title)} (${found.length}) ${pc.dim(`${kind}: ${advice}`)}`);
    const told = show === 0 ? found : found.slice(0, show);
    lines.push(...told.map((finding) => `  ${problemText(finding)}`));
    if (told.length < found.length) lines.push(`  and ${found.length - told.length} more (--show 0 prints all)`);
  }
  for (const [split, { images, empty, objects }] of Object.entries(statistics?.splits ?? {})) {
    const without = empty > 0 ? `, ${empty} without objects` : "";
    lines.push(`${split}: ${images} images with ${objects} objects${without}`);
  }
  const { error, warning, info } = counts;
  lines.push(`${count(error, "error")}, ${count(warning, "warning")}, ${count(info, "remark")}`);
  return lines.join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Plain values only, without the samples. */
export function checkJson({ path, dataset, findings, counts, statistics }: CheckResult): object {
  return { path, format: dataset?.format, counts, findings, statistics };
}
