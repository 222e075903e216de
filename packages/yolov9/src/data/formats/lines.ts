/** Text files by line: reading them without byte-order mark, with line ends of any system, and changing single lines of them. */

import type { RowEdit } from "../row-edit.js";

const LINE_END = /\r\n|\n|\r/;

/** Lines without outer blanks. Empty lines stay, so that numbers hold. */
export function linesOf(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(LINE_END)
    .map((line) => line.trim());
}

/** Drop or rewrite lines, leaving the others and their ends as they are. `row` of an edit is a line's number from 0. */
export function editLines(
  text: string,
  edits: readonly RowEdit[],
  rewrite: (line: string, change: Exclude<RowEdit["change"], "drop">) => string,
): string {
  const changes = new Map(edits.map(({ row, change }) => [row, change]));
  // Odd entries are the line ends.
  const parts = text.split(/(\r\n|\n|\r)/);
  let edited = "";
  for (let row = 0; row * 2 < parts.length; row++) {
    const line = parts[row * 2]!;
    const end = parts[row * 2 + 1] ?? "";
    const change = changes.get(row);
    if (change === undefined) edited += line + end;
    else if (change !== "drop") edited += rewrite(line, change) + end;
  }
  return edited;
}
