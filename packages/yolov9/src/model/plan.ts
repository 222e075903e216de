/**
 * What flows where in a model: for every row its inputs, and the channels and stride of what it gives. Nothing is allocated here,
 * so a model file can be checked, numbered and drawn without building it.
 */
import "./blocks/built-in.js";
import {
  BlockError,
  findBlock,
  type BlockContext,
  type BoundBlock,
  type Feature,
  type FeatureBlock,
  type Head,
  type MultiFeatureBlock,
} from "./blocks/registry.js";
import { withinBudget } from "./blocks/budget.js";
import { MOST_CHANNELS } from "./blocks/options.js";
import { didYouMean } from "./did-you-mean.js";
import { IMAGE, SECTIONS, blockOptions, originOf, type ModelSpec, type Row, type SectionName } from "./spec.js";

const IMAGE_FEATURE: Feature = { channels: 3, stride: 1 };

interface PlannedCommon {
  readonly row: Row;
  readonly section: SectionName;
  readonly inputs: readonly Feature[];
}

export interface PlannedFeature extends PlannedCommon {
  readonly kind: "feature";
  readonly output: Feature;
  build(context: BlockContext): FeatureBlock;
}

/** A row with several outputs; other rows name them `row.0`, `row.1` … */
interface PlannedFeatures extends PlannedCommon {
  readonly kind: "features";
  readonly outputs: readonly Feature[];
  build(context: BlockContext): MultiFeatureBlock;
}

export interface PlannedHead extends PlannedCommon {
  readonly kind: "head";
  build(context: BlockContext): Head;
}

export type PlannedRow = PlannedFeature | PlannedFeatures | PlannedHead;

export interface ModelPlan {
  /** In the order in which they run. */
  readonly rows: readonly PlannedRow[];
  readonly lead: PlannedHead;
  readonly auxiliaries: readonly PlannedHead[];
  /** Of the heads' levels, in pixels a cell, finest first. */
  readonly strides: readonly number[];
}

/** Of an input size, which must be a multiple of every stride. */
const LARGEST_STRIDE = 1024;

/** @throws Error naming row, place and remedy when the rows do not fit together or ask for too much */
export function planModel(spec: ModelSpec): ModelPlan {
  return withinBudget(() => plannedModel(spec));
}

function plannedModel(spec: ModelSpec): ModelPlan {
  const rows: PlannedRow[] = [];
  for (const section of SECTIONS) {
    for (const row of spec[section]) {
      try {
        rows.push(planRow(row, section, rows));
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        throw rowError(spec, row, error.message);
      }
    }
  }
  refuseUnused(spec, rows);
  return withHeads(spec, rows);
}

function planRow(row: Row, section: SectionName, earlier: readonly PlannedRow[]): PlannedRow {
  if (row.name === IMAGE) throw new BlockError(`"${IMAGE}" is the input's name; choose another`);
  if (earlier.some((other) => other.row.name === row.name)) throw new BlockError("a row of this name exists already");
  const inputs = row.from.map((name) => inputFeature(name, section, earlier));
  const bound: BoundBlock = findBlock(row.block).bind(inputs, blockOptions(row));
  if (bound.kind !== "head") for (const output of outputsOf(bound)) refuseLarge(output);
  return { ...bound, row, section, inputs };
}

function outputsOf(bound: Exclude<BoundBlock, { kind: "head" }>): readonly Feature[] {
  return bound.kind === "feature" ? [bound.output] : bound.outputs;
}

function refuseLarge({ channels, stride }: Feature): void {
  if (channels > MOST_CHANNELS)
    throw new BlockError(`its output has ${channels} channels, but may have at most ${MOST_CHANNELS}`);
  if (stride > LARGEST_STRIDE)
    throw new BlockError(`its output has stride ${stride}, but may have at most ${LARGEST_STRIDE}`);
}

function inputFeature(name: string, section: SectionName, earlier: readonly PlannedRow[]): Feature {
  if (name === IMAGE) return IMAGE_FEATURE;
  const source = earlier.find((other) => other.row.name === sourceRow(name));
  if (source?.kind === "head") {
    throw new BlockError(`"${name}" is a head, its output is no feature; name another row in "from"`);
  }
  const feature = source && namedOutputs(source).get(name);
  if (feature === undefined) {
    const known = [
      IMAGE,
      ...earlier.flatMap((other) => (other.kind === "head" ? [] : [...namedOutputs(other).keys()])),
    ];
    throw new BlockError(`no earlier row "${name}" to take as input${didYouMean(name, known)}`);
  }
  if (source!.section === "auxiliary" && section !== "auxiliary") {
    throw new BlockError(`"${name}" belongs to the auxiliary section, which a deployed model does not have`);
  }
  return feature;
}

/** The row that gives an input: `rev` for the output `rev.0`. */
export function sourceRow(input: string): string {
  return input.split(".")[0]!;
}

/** The outputs of a row by the names that `from` takes. */
function namedOutputs(planned: PlannedFeature | PlannedFeatures): Map<string, Feature> {
  const { name } = planned.row;
  if (planned.kind === "feature") return new Map([[name, planned.output]]);
  return new Map(planned.outputs.map((output, i) => [`${name}.${i}`, output]));
}

function refuseUnused(spec: ModelSpec, rows: readonly PlannedRow[]): void {
  const used = new Set(rows.flatMap(({ row }) => row.from));
  const unused = rows.find(
    (planned) => planned.kind !== "head" && ![...namedOutputs(planned).keys()].some((name) => used.has(name)),
  );
  if (unused !== undefined)
    throw rowError(spec, unused.row, 'no other row uses its output; remove it or name it in a "from"');
}

function withHeads(spec: ModelSpec, rows: readonly PlannedRow[]): ModelPlan {
  const heads = rows.filter((planned) => planned.kind === "head");
  const leads = heads.filter((head) => head.section === "head");
  const auxiliaries = heads.filter((head) => head.section === "auxiliary");
  const [lead] = leads;
  if (lead === undefined || leads.length + auxiliaries.length !== heads.length || spec.head.length !== 1) {
    throw new Error(
      `${spec.name}: section "head" must hold exactly one row, a detection head; further heads are auxiliary`,
    );
  }
  if (spec.auxiliary.length > 0 && auxiliaries.length === 0) {
    throw new Error(`${spec.name}: section "auxiliary" has rows but no head, so nothing would train them`);
  }
  const strides = lead.inputs.map((input) => input.stride);
  for (const { row, inputs } of auxiliaries) {
    const own = inputs.map((input) => input.stride);
    if (own.join() !== strides.join()) {
      throw rowError(
        spec,
        row,
        `its levels have strides ${own.join(", ")}, but those of the lead head ${strides.join(", ")}`,
      );
    }
  }
  return { rows, lead, auxiliaries, strides };
}

/** What is wrong with a row, with its place. */
export function rowError(spec: ModelSpec, row: Row, message: string): Error {
  return new Error(`${originOf(row, spec)}: row "${row.name}": ${message}`);
}
