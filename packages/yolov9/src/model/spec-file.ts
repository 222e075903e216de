/**
 * Reads model files: YAML with a header, sections of rows, and what it takes over from another file by `extends`. A file may
 * scale the widths of the one that it extends (`width`), give blocks default options (`defaults`), change single rows
 * (`rows: {name: {key: value}}`, null removes a key), replace a section, or append to it (`auxiliary: {append: […]}`). The
 * auxiliary section may also be ordered by name (`auxiliary: {backbone: FPN}`); its rows are then made from the main branch.
 * Mistakes are refused with file, line and the nearest known name.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { auxiliaryOptionsSchema, type AuxiliaryOptions } from "./auxiliary/options.js";
import { withAuxiliary } from "./auxiliary/with-auxiliary.js";
import { didYouMean } from "./did-you-mean.js";
import { planModel } from "./plan.js";
import {
  HEADER_DEFAULTS,
  IMAGE,
  SECTIONS,
  headerSchema,
  rememberOrigin,
  rowSchema,
  type ModelSpec,
  type Row,
  type SectionName,
} from "./spec.js";

const ZOO = fileURLToPath(new URL("../../src/model/zoo/", import.meta.url));
const EXTENSION = ".yaml";
/** Scaled widths are rounded up to a multiple of this, as in the published models. */
const WIDTH_MULTIPLE = 8;

const rowsSchema = z.array(rowSchema);
const sectionSchema = z.union([rowsSchema, z.strictObject({ append: rowsSchema })]);
const optionsByName = z.record(z.string(), z.record(z.string(), z.unknown()));

const fileSchema = z.strictObject({
  ...headerSchema.partial().shape,
  extends: z.string().optional(),
  width: z.number().positive().optional(),
  defaults: optionsByName.optional(),
  rows: optionsByName.optional(),
  backbone: sectionSchema.optional(),
  neck: sectionSchema.optional(),
  head: sectionSchema.optional(),
  auxiliary: z.union([sectionSchema, auxiliaryOptionsSchema]).optional(),
});

type ModelFile = z.infer<typeof fileSchema>;

/** A row as it stands in a file. */
interface FileRow {
  readonly options: Readonly<Record<string, unknown>>;
  readonly origin: string | undefined;
}

/** A file with everything that it extends, before defaults are filled in. */
interface Layered {
  readonly header: z.infer<ReturnType<typeof headerSchema.partial>>;
  readonly defaults: z.infer<typeof optionsByName>;
  readonly sections: Readonly<Record<SectionName, readonly FileRow[]>>;
  /** An auxiliary branch that is ordered by name; the auxiliary section holds only rows appended to it. */
  readonly auxiliary: AuxiliaryOptions | undefined;
}

/** The names of the models that come with the project. */
export function modelNames(): string[] {
  return readdirSync(ZOO)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => basename(file, EXTENSION))
    .sort();
}

/**
 * @param nameOrPath a model of the zoo (`yolov9-t`) or the path of a model file
 * @throws Error naming file, line and remedy for a model that is unknown or wrong
 */
export function loadModelSpec(nameOrPath: string): ModelSpec {
  return finish(readLayered(locate(nameOrPath, process.cwd(), ""), []), shown(nameOrPath));
}

/**
 * A model that is in memory already, such as the one in a checkpoint.
 * @param source what messages call it
 * @throws Error for a model that is wrong
 */
export function parseModelSpec(value: unknown, source = "model"): ModelSpec {
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw new Error(parsed.error.issues.map((issue) => `${source}: ${explain(issue)}`).join("\n"));
  return finish(
    layer(parsed.data, process.cwd(), [], () => undefined),
    source,
  );
}

/** The path of a model file named on its own, or in `extends` of a file in `directory`. */
function locate(nameOrPath: string, directory: string, referrer: string): string {
  const zoo = join(ZOO, nameOrPath + EXTENSION);
  if (!/[\\/.]/.test(nameOrPath) && existsSync(zoo)) return zoo;
  const path = resolve(directory, nameOrPath);
  if (existsSync(path)) return path;
  throw new Error(`${referrer}no model or file "${nameOrPath}"${didYouMean(nameOrPath, modelNames())}`);
}

/** @param extending the files that led here, to notice a circle */
function readLayered(path: string, extending: readonly string[]): Layered {
  const source = shown(path);
  if (extending.includes(path)) {
    throw new Error(`${source}: extends itself by way of ${[...extending, path].map(shown).join(" → ")}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(path, "utf8"), { lineCounter: lines });
  const at = (keys: readonly PropertyKey[]): string => `${source}:${lineOf(document, lines, keys)}`;
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`${source}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`);
  const parsed = fileSchema.safeParse(document.toJS());
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map((issue) => `${at(issue.path)}: ${explain(issue)}`).join("\n"));
  }
  const file = { ...parsed.data, name: parsed.data.name ?? basename(path, EXTENSION) };
  return layer(file, dirname(path), [...extending, path], at);
}

type Locator = (keys: readonly PropertyKey[]) => string | undefined;

/** Puts a file on top of the one that it extends. */
function layer(file: ModelFile, directory: string, extending: readonly string[], at: Locator): Layered {
  const base = inherited(file, directory, extending, at);
  const { defaults = {}, rows: changes = {} } = file;
  const ordered = auxiliaryOrder(file.auxiliary);
  const given = { ...file, auxiliary: isSection(file.auxiliary) ? file.auxiliary : ordered && [] };
  const sections = mapSections((name) => stack(base.sections[name], given[name], name, at));
  return {
    header: { ...base.header, ...headerOf(file) },
    defaults: mergeOptions(base.defaults, defaults),
    sections: change(sections, changes, at),
    auxiliary: ordered ?? (Array.isArray(file.auxiliary) ? undefined : base.auxiliary),
  };
}

type SectionValue = z.infer<typeof sectionSchema>;

function isSection(value: ModelFile["auxiliary"]): value is SectionValue | undefined {
  return value === undefined || Array.isArray(value) || "append" in value;
}

function auxiliaryOrder(value: ModelFile["auxiliary"]): AuxiliaryOptions | undefined {
  return isSection(value) ? undefined : value;
}

/** The keys that are the model's own, not instructions for putting files together. */
function headerOf(file: ModelFile): Layered["header"] {
  return headerSchema.partial().parse(file);
}

function inherited(file: ModelFile, directory: string, extending: readonly string[], at: Locator): Layered {
  if (file.extends === undefined)
    return { header: {}, defaults: {}, sections: mapSections(() => []), auxiliary: undefined };
  const referrer = at(["extends"]);
  const path = locate(file.extends, directory, referrer === undefined ? "" : `${referrer}: `);
  const { header, defaults, sections, auxiliary } = readLayered(path, extending);
  const { width = 1 } = file;
  return {
    header: { ...header, description: undefined },
    defaults,
    sections: mapSections((name) => sections[name].map((row) => scaled(row, width))),
    auxiliary,
  };
}

function stack(
  base: readonly FileRow[],
  given: z.infer<typeof sectionSchema> | undefined,
  section: SectionName,
  at: Locator,
): readonly FileRow[] {
  if (given === undefined) return base;
  const append = !Array.isArray(given);
  const rows = append ? given.append : given;
  const keys = append ? [section, "append"] : [section];
  const own = rows.map((options, i) => ({ options, origin: at([...keys, i]) }));
  return append ? [...base, ...own] : own;
}

/** `out` and `hidden` are the channel numbers of every block. */
function scaled(row: FileRow, width: number): FileRow {
  if (width === 1) return row;
  const scale = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(scale);
    return typeof value === "number" ? Math.ceil((value * width) / WIDTH_MULTIPLE) * WIDTH_MULTIPLE : value;
  };
  const { options } = row;
  const channels = Object.entries(options).filter(([key]) => key === "out" || key === "hidden");
  return {
    ...row,
    options: { ...options, ...Object.fromEntries(channels.map(([key, value]) => [key, scale(value)])) },
  };
}

function change(
  sections: Layered["sections"],
  changes: z.infer<typeof optionsByName>,
  at: Locator,
): Layered["sections"] {
  const names = SECTIONS.flatMap((name) => sections[name].map((row) => String(row.options["name"])));
  for (const name of Object.keys(changes)) {
    if (names.includes(name)) continue;
    const where = at(["rows", name]) ?? "rows";
    throw new Error(`${where}: no row "${name}" to change${didYouMean(name, names)}`);
  }
  return mapSections((section) =>
    sections[section].map((row) => {
      const name = String(row.options["name"]);
      const changed = changes[name];
      if (changed === undefined) return row;
      const merged = Object.entries({ ...row.options, ...changed }).filter(([, value]) => value !== null);
      return { options: Object.fromEntries(merged), origin: at(["rows", name]) };
    }),
  );
}

/** Fills in defaults, names every row's inputs, and checks that the rows fit together. */
function finish({ header, defaults, sections, auxiliary }: Layered, source: string): ModelSpec {
  const { name = source, description, ...settings } = header;
  let previous = IMAGE;
  const complete = (row: FileRow): Row => {
    const { name: rowName, from = previous, block, ...options } = rowSchema.parse(row.options);
    const inputs = Array.isArray(from) ? from : [from];
    const result: Row = { name: rowName, from: inputs, block, ...defaults[block], ...options };
    if (row.origin !== undefined) rememberOrigin(result, row.origin);
    previous = rowName;
    return result;
  };
  const spec: ModelSpec = {
    ...HEADER_DEFAULTS,
    ...defined(settings),
    name,
    ...defined({ description }),
    ...mapSections((section) => sections[section].map(complete)),
  };
  const finished = auxiliary === undefined ? spec : withOrdered(spec, auxiliary);
  planModel(finished);
  return finished;
}

/** The rows of an ordered auxiliary branch, then those that were appended to it. */
function withOrdered(spec: ModelSpec, order: AuxiliaryOptions): ModelSpec {
  const made = withAuxiliary(spec, order);
  return { ...made, auxiliary: [...made.auxiliary, ...spec.auxiliary] };
}

function mergeOptions(
  base: z.infer<typeof optionsByName>,
  own: z.infer<typeof optionsByName>,
): z.infer<typeof optionsByName> {
  const merged = { ...base };
  for (const [name, options] of Object.entries(own)) merged[name] = { ...merged[name], ...options };
  return merged;
}

function mapSections<T>(make: (name: SectionName) => T): Record<SectionName, T> {
  return { backbone: make("backbone"), neck: make("neck"), head: make("head"), auxiliary: make("auxiliary") };
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<T>;
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 ? Object.keys(fileSchema.shape) : [];
    return issue.keys.map((key) => `unknown key "${key}"${known.length > 0 ? didYouMean(key, known) : ""}`).join("; ");
  }
  return `${issue.path.map(String).join(".")}: ${issue.message}`;
}

/** The line of the deepest part of the path that exists. */
function lineOf(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): number {
  for (let depth = keys.length; depth > 0; depth--) {
    const offset = offsetOf(document, keys.slice(0, depth));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

/** Where a key (or, in a list, an item) begins. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  const parent: unknown = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
  const last = keys.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node: unknown = document.getIn(keys, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

/** A path as the user would write it. */
function shown(path: string): string {
  if (path.startsWith(ZOO)) return basename(path);
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || !path.startsWith("/") ? path : short;
}
