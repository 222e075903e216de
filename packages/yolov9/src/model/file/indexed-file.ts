/**
 * Model files in the row format of the published code (`[from, number, module, args]`, rows known by their index), translated into
 * named rows in sections. What each module is stands in `indexed-modules.ts`. The auxiliary section is found, not stated: it is what
 * the last head does not need.
 */
import { z } from "zod";
import type { Activation } from "../activation.js";
import { depth } from "../blocks/options.js";
import { didYouMean } from "../did-you-mean.js";
import { findIndexedModule, indexedModuleNames, type IndexedModule } from "./indexed-modules.js";
import { headerSchema, IMAGE, MOST_ROWS, type BodySection, type SectionName } from "../spec.js";
import { scaledWidth } from "./widths.js";

/** Hands on the image, so that later rows can name it by an index. */
const SILENCE = "Silence";
const BODY: readonly BodySection[] = ["backbone", "neck", "auxiliary"];

const activations: ReadonlyMap<string, Activation> = new Map([
  ["nn.SiLU", "silu"],
  ["nn.ReLU", "relu"],
  ["nn.Identity", "none"],
]);

const rowSchema = z.tuple([z.union([z.int(), z.array(z.int()).min(1)]), depth, z.string(), z.array(z.unknown())]);

const LARGEST_MULTIPLE = 100;
/** A file of another kind can have as many issues as rows. */
const SHOWN_ISSUES = 5;

const fileSchema = z.strictObject({
  nc: headerSchema.shape.classCount,
  depth_multiple: z.number().positive().max(LARGEST_MULTIPLE).default(1),
  width_multiple: z.number().positive().max(LARGEST_MULTIPLE).default(1),
  /** Of the anchor-based ancestors; what remains of it is a quirk of the width rule. */
  anchors: z.union([z.int().positive(), z.array(z.array(z.number()))]).default(3),
  activation: z.string().optional(),
  ch: z.literal(3).optional(),
  inplace: z.boolean().optional(),
  backbone: z.array(rowSchema).min(1).max(MOST_ROWS),
  head: z.array(rowSchema).min(1).max(MOST_ROWS),
});
type IndexedFile = z.infer<typeof fileSchema>;

interface IndexedModel {
  readonly classCount: number;
  readonly activation?: Activation;
  readonly publishedOrder: BodySection[];
  readonly sections: Readonly<Record<SectionName, readonly NamedRow[]>>;
}

interface NamedRow {
  readonly options: Readonly<Record<string, unknown>>;
  readonly origin: string;
}

/** Places in the file, for messages. */
type Locator = (keys: readonly PropertyKey[]) => string;

/** A row before it is known which section it belongs to. */
interface IndexedRow {
  readonly index: number;
  readonly list: "backbone" | "head";
  readonly origin: string;
  /** Indices of earlier rows; -1 is the image. */
  readonly from: readonly number[];
  readonly module: IndexedModule | typeof SILENCE;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Whether the rows of a model file are lists instead of maps. */
export function isIndexedFile(value: unknown): boolean {
  const shape = z.looseObject({ backbone: z.array(z.unknown()) }).safeParse(value);
  return shape.success && Array.isArray(shape.data.backbone[0]);
}

/**
 * @param value of a file for which `isIndexedFile` holds
 * @throws Error naming place and remedy for a file that cannot be translated
 */
export function indexedModel(value: unknown, at: Locator): IndexedModel {
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues
        .slice(0, SHOWN_ISSUES)
        .map((issue) => `${at(issue.path)}: ${explain(issue)}`)
        .join("\n"),
    );
  }
  const file = parsed.data;
  const rows = readRows(file, at);
  const heads = rows.at(-1)!;
  if (heads.module === SILENCE || heads.module.heads === 0) {
    throw new Error(`${heads.origin}: the last row must be a detection head (DDetect, DualDDetect …)`);
  }
  const { body, order } = intoSections(rows.slice(0, -1), headInputs(heads, heads.module.heads).lead);
  return {
    classCount: file.nc,
    ...activationOf(file, at),
    publishedOrder: order,
    sections: withHeads(body, heads, heads.module.heads),
  };
}

function readRows(file: IndexedFile, at: Locator): IndexedRow[] {
  const lists = (["backbone", "head"] as const).flatMap((list) => file[list].map((row, i) => ({ list, row, i })));
  return lists.map(({ list, row, i }, index) => {
    const origin = at([list, i]);
    const [from, number, name, args] = row;
    const fail = (message: string) => new Error(`${origin}: row ${index}: ${message}`);
    const inputs = (Array.isArray(from) ? from : [from]).map((input) => {
      const absolute = input < 0 ? index + input : input;
      if (absolute < -1 || absolute >= index) throw fail(`takes row ${input} as input, which is no earlier row`);
      return absolute;
    });
    const common = { index, list, origin, from: inputs };
    if (name === SILENCE) {
      if (index > 0) throw fail(`${SILENCE} can only be the first row, which hands on the image`);
      return { ...common, module: SILENCE, options: {} };
    }
    const module = findIndexedModule(name);
    if (module === undefined) throw fail(`unknown module "${name}"${didYouMean(name, indexedModuleNames())}`);
    if (module.heads > 0 && index < lists.length - 1) throw fail(`${name} is a head and must be the last row`);
    const parsed = module.args.safeParse(args);
    if (!parsed.success) throw fail(`${name}: ${parsed.error.issues.map(argumentProblem).join("; ")}`);
    if (module.heads > 0 && args[0] !== "nc" && args[0] !== file.nc) throw fail(`${name} must get nc as its argument`);
    const options = module.options(module.widens ? [width(Number(args[0]), file), ...args.slice(1)] : args);
    return { ...common, module, options: module.ownRepeats ? options : repeated(options, repeats(number, file)) };
  });
}

/**
 * Channels after scaling, but for a number that happens to be the channels of an anchor-based output
 * (a quirk that published weights depend on; it is decided by the file's nc).
 */
function width(channels: number, { nc, anchors, width_multiple }: IndexedFile): number {
  const anchorCount = typeof anchors === "number" ? anchors : Math.floor((anchors[0]?.length ?? 0) / 2);
  if (channels === anchorCount * (nc + 5)) return channels;
  return scaledWidth(channels, width_multiple);
}

function repeats(number: number, { depth_multiple }: IndexedFile): number {
  return number > 1 ? Math.max(roundHalfEven(number * depth_multiple), 1) : number;
}

/** Halves go to the even neighbour, as in Python. */
function roundHalfEven(x: number): number {
  return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

function repeated(of: Readonly<Record<string, unknown>>, times: number): Readonly<Record<string, unknown>> {
  return times === 1 ? of : { block: "Repeat", times, of };
}

function activationOf({ activation }: IndexedFile, at: Locator): { activation?: Activation } {
  if (activation === undefined) return {};
  const known = activations.get(activation.replace(/\((?:inplace=)?(?:True)?\)$/, ""));
  if (known === undefined) {
    const hint = didYouMean(activation, [...activations.keys()]);
    throw new Error(`${at(["activation"])}: unknown activation "${activation}"${hint}`);
  }
  return { activation: known };
}

/** Auxiliary heads take the first shares of the inputs, the lead head the last. */
function headInputs(row: IndexedRow, heads: number): { auxiliaries: number[][]; lead: number[] } {
  const levels = row.from.length / heads;
  if (!Number.isInteger(levels)) {
    throw new Error(`${row.origin}: row ${row.index}: ${row.from.length} inputs cannot be shared by ${heads} heads`);
  }
  const shares = Array.from({ length: heads }, (_, i) => row.from.slice(i * levels, (i + 1) * levels));
  return { auxiliaries: shares.slice(0, -1), lead: shares.at(-1)! };
}

/** @param lead inputs of the lead head: what they need is the main branch, the rest is auxiliary */
function intoSections(
  rows: readonly IndexedRow[],
  lead: readonly number[],
): { body: Record<BodySection, NamedRow[]>; order: BodySection[] } {
  const main = new Set<number>();
  const visit = (index: number): void => {
    if (index < 0 || main.has(index)) return;
    main.add(index);
    rows[index]!.from.forEach(visit);
  };
  lead.forEach(visit);
  const sectionOf = ({ index, list }: IndexedRow): BodySection => {
    if (!main.has(index)) return "auxiliary";
    return list === "backbone" ? "backbone" : "neck";
  };
  const real = rows.filter(({ module }) => module !== SILENCE);
  const body: Record<BodySection, NamedRow[]> = { backbone: [], neck: [], auxiliary: [] };
  for (const row of real) {
    const from = row.from.map((index) => nameOf(index, rows));
    body[sectionOf(row)].push({ options: { name: nameOf(row.index, rows), from, ...row.options }, origin: row.origin });
  }
  refuseLoneSilence(rows);
  return { body, order: sectionOrder(real, sectionOf) };
}

/** Our numbering begins at 1 exactly where the image is taken twice. */
function refuseLoneSilence(rows: readonly IndexedRow[]): void {
  const [first] = rows;
  if (first?.module !== SILENCE || rows.filter((row) => row.index > 0 && row.from.includes(0)).length > 1) return;
  throw new Error(`${first.origin}: row 0: ${SILENCE} is for models that take the image twice; remove it and renumber`);
}

function nameOf(index: number, rows: readonly IndexedRow[]): string {
  return index < 0 || rows[index]!.module === SILENCE ? IMAGE : `layer${index}`;
}

/** The order in which the sections stand in the file, by which published names number the rows. */
function sectionOrder(rows: readonly IndexedRow[], sectionOf: (row: IndexedRow) => BodySection): BodySection[] {
  const runs: BodySection[] = [];
  for (const row of rows) {
    const section = sectionOf(row);
    if (runs.at(-1) === section) continue;
    if (runs.includes(section)) {
      throw new Error(
        `${row.origin}: row ${row.index}: auxiliary rows must stand together, so that names can be numbered`,
      );
    }
    runs.push(section);
  }
  return [...runs, ...BODY.filter((section) => !runs.includes(section))];
}

function withHeads(body: Record<BodySection, NamedRow[]>, row: IndexedRow, heads: number): IndexedModel["sections"] {
  const { auxiliaries, lead } = headInputs(row, heads);
  const head = (name: string, from: readonly number[]): NamedRow => ({
    options: { name, from: from.map((index) => `layer${index}`), ...row.options },
    origin: row.origin,
  });
  const auxiliaryHeads = auxiliaries.map((from, i) => head(i === 0 ? "auxDetect" : `auxDetect${i + 1}`, from));
  return { ...body, head: [head("detect", lead)], auxiliary: [...body.auxiliary, ...auxiliaryHeads] };
}

function argumentProblem({ path, message }: z.core.$ZodIssue): string {
  const place = path.length === 0 ? "arguments" : `argument ${Number(path[0]) + 1}`;
  return `${place}: ${message}`;
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
    const known = Object.keys(fileSchema.shape);
    return issue.keys.map((key) => `unknown key "${key}"${didYouMean(key, known)}`).join("; ");
  }
  const [list, index] = issue.path;
  const place = typeof index === "number" ? `row ${index} of ${String(list)}` : issue.path.map(String).join(".");
  return `${place}: ${issue.message}; a row is [from, number, module, args]`;
}
