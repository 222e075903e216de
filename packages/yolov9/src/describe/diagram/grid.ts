/**
 * Where the rows of a model stand in its drawing: the main branch and the auxiliary branch as two bands, in each a column for every
 * stride, and layers from top to bottom in the order of the data. Only places; `routes.ts` leads the lines, `draw-model.ts` draws.
 */
import { sourceRow, type ModelPlan, type PlannedRow } from "../../model/index.js";

export type Band = "main" | "auxiliary";
export const BANDS: readonly Band[] = ["main", "auxiliary"];

/** The name of the node that stands for the model's input. */
export const IMAGE_NODE = "image";

/** A box of the drawing. */
export interface GridNode {
  readonly name: string;
  readonly band: Band;
  /** First and last stride that the box covers. */
  readonly strides: readonly [number, number];
  readonly layer: number;
  readonly row: PlannedRow | undefined;
}

export interface Grid {
  readonly nodes: readonly GridNode[];
  /** Strides of each band's columns, ascending; empty for a band without rows. */
  readonly columns: Readonly<Record<Band, readonly number[]>>;
  readonly layers: number;
}

/** Every row one layer or more below its inputs, and no two in one place. */
export function placeRows(plan: ModelPlan): Grid {
  const nodes: GridNode[] = [];
  const columns = columnsOf(plan);
  const first = columns.main[0]!;
  nodes.push({ name: IMAGE_NODE, band: "main", strides: [first, first], layer: 0, row: undefined });
  for (const row of plan.rows) nodes.push(placeRow(row, nodes));
  return { nodes, columns, layers: 1 + Math.max(...nodes.map((node) => node.layer)) };
}

function placeRow(planned: PlannedRow, earlier: readonly GridNode[]): GridNode {
  const { row, kind } = planned;
  const band = bandOf(planned);
  const strides = stridesOf(planned);
  const sources = row.from.map(sourceRow);
  const inputs = earlier.filter((node) => sources.includes(node.name));
  const same = earlier.filter((node) => node.band === band);
  const below = kind === "feature" ? inputs : same;
  let layer = 1 + Math.max(0, ...[...inputs, ...below].map((node) => node.layer));
  while (same.some((node) => node.layer === layer && overlaps(node.strides, strides))) layer++;
  return { name: row.name, band, strides, layer, row: planned };
}

function columnsOf(plan: ModelPlan): Record<Band, number[]> {
  const of = (band: Band): number[] => {
    const strides = plan.rows.filter((row) => bandOf(row) === band).flatMap((row) => levelsOf(row));
    return [...new Set(strides)].sort((a, b) => a - b);
  };
  return { main: of("main"), auxiliary: of("auxiliary") };
}

function bandOf({ section }: PlannedRow): Band {
  return section === "auxiliary" ? "auxiliary" : "main";
}

/** What works on several levels covers their strides. */
function stridesOf(planned: PlannedRow): [number, number] {
  const strides = levelsOf(planned);
  return [Math.min(...strides), Math.max(...strides)];
}

function levelsOf(planned: PlannedRow): number[] {
  return planned.kind === "feature" ? [planned.output.stride] : planned.inputs.map(({ stride }) => stride);
}

export function overlaps(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] <= b[1] && b[0] <= a[1];
}
