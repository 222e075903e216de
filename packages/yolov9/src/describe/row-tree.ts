/**
 * The rows of a model as text for a terminal: section by section, with shapes of outputs, parameters and arithmetic, and what of it
 * is there for training only.
 */
import type { ModelProfile, RowProfile, SectionName } from "../model/index.js";
import { alignedLines } from "../text-table.js";

const SECTION_TITLES: Readonly<Record<SectionName, string>> = {
  backbone: "backbone",
  neck: "neck",
  head: "head",
  auxiliary: "auxiliary (training only)",
};

const columns = ["row", "block", "from", "output", "parameters", "GFLOPs"] as const;
type Cells = readonly [row: string, block: string, from: string, output: string, parameters: string, gflops: string];
/** Parameters and GFLOPs are numbers. */
const FIRST_NUMBER = 4;

/** @param measured sizes of the training form, batch norms and RepConv branches included */
export function rowTree({ rows, size, parameters, gflops }: ModelProfile): string {
  const sections = [...new Set(rows.map((row) => row.section))];
  const lines: Cells[] = sections.flatMap((section) => {
    const own = rows.filter((row) => row.section === section);
    const title: Cells = [SECTION_TITLES[section], "", "", "", ...figures(sum(own, "parameters"), sum(own, "gflops"))];
    return [title, ...own.map((row, i) => rowCells(row, i === own.length - 1 ? "└─ " : "├─ ", size))];
  });
  const totals: Cells[] = [
    ["training", "", "", "", ...figures(parameters.training, gflops.training)],
    ["deploy", "", "", "", ...figures(parameters.deploy, gflops.deploy)],
  ];
  const isNumber = columns.map((_, i) => i >= FIRST_NUMBER);
  return alignedLines([columns, ...lines, ...totals], isNumber).join("\n");
}

function rowCells(row: RowProfile, branch: string, size: number): Cells {
  const output = row.strides.map((stride, i) => `${row.channels[i]} × ${size / stride} × ${size / stride}`);
  const cost = figures(row.parameters.training, row.gflops.training);
  return [branch + row.name, row.block, row.from.join(", "), output.join(", "), ...cost];
}

function figures(parameters: number, gflops: number): [string, string] {
  return [parameters.toLocaleString("en"), gflops.toFixed(2)];
}

function sum(rows: readonly RowProfile[], quantity: "parameters" | "gflops"): number {
  return rows.reduce((total, row) => total + row[quantity].training, 0);
}
