/** Tables of text, for a terminal and for Markdown; in both, columns of numbers stand at their right edge. What is in them others say. */

/** A title, heads of columns and lines of cells. */
export interface TextTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export function plainTable({ title, columns, lines }: TextTable): string {
  const isNumber = numberColumns({ columns, lines });
  return [title, ...alignedLines([columns, ...lines], isNumber).map((line) => `  ${line}`)].join("\n");
}

export function markdownTable({ columns, lines }: TextTable): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = numberColumns({ columns, lines }).map((isNumber) => (isNumber ? "---:" : "---"));
  return [row(columns), row(rule), ...lines.map(row)].join("\n");
}

/** @param isRight for each column, whether its cells stand at the right edge */
export function alignedLines(lines: readonly (readonly string[])[], isRight: readonly boolean[]): string[] {
  const widths = isRight.map((_, i) => Math.max(...lines.map((cells) => cells[i]!.length)));
  return lines.map((cells) =>
    cells
      .map((cell, i) => (isRight[i] === true ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

function numberColumns({ columns, lines }: Pick<TextTable, "columns" | "lines">): boolean[] {
  return columns.map((_, i) => lines.every((cells) => /^[\d.,]+$/.test(cells[i]!)));
}
