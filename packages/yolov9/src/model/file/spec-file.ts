/**
 * Reads model files: YAML with a header, sections of rows, and what it takes over from another file by `extends`. A file may
 * scale the widths of the one that it extends (`width`), give blocks default options (`defaults`), change single rows
 * (`rows: {name: {key: value}}`, null removes a key), replace a section, or append to it (`auxiliary: {append: […]}`). The
 * auxiliary section may also be ordered by name (`auxiliary: {backbone: FPN}`); its rows are then made from the main branch, and
 * can be changed like others. A row
 * may take block and options of an earlier one (`like: b3`). Mistakes are refused with file, line and the nearest known name.
 * Where names are looked up is `zoo.ts`; files in the published row format are translated by `indexed-file.ts`.
 */
import { basename, dirname } from "node:path";
import { z } from "zod";
import { auxiliaryOptionsSchema, type AuxiliaryOptions } from "../auxiliary/options.js";
import { withAuxiliary } from "../auxiliary/with-auxiliary.js";
import { messageOf } from "../../error-message.js";
import { readYamlFile } from "../../yaml-lines.js";
import { didYouMean } from "../did-you-mean.js";
import { indexedModel, isIndexedFile } from "./indexed-file.js";
import { planModel } from "../plan.js";
import {
  HEADER_DEFAULTS,
  IMAGE,
  MOST_ROWS,
  SECTIONS,
  blockOptions,
  headerSchema,
  rememberOrigin,
  rowSchema,
  type ModelSpec,
  type Row,
  type SectionName,
} from "../spec.js";
import { scaledWidth } from "./widths.js";
import { EXTENSION, locateModel, shownPath, variantFile } from "./zoo.js";

/** Either a block or a row to be like; which, is checked where rows are completed, since other files may change it. */
const fileRowSchema = rowSchema.partial({ block: true }).extend({ like: z.string().optional() });
const rowsSchema = z.array(fileRowSchema).max(MOST_ROWS);
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

const storedRows = z.array(rowSchema).max(MOST_ROWS);
/** What `finish` gives, as it stands in JSON. */
const storedSchema = z.strictObject({
  ...headerSchema.partial().shape,
  ...mapSections(() => storedRows),
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
  readonly auxiliary: OrderedBranch | undefined;
}

/** What a file changes of a row. */
interface RowChange extends FileRow {
  readonly name: string;
}

/** An auxiliary branch whose rows are made once the main branch is known, and what is then changed of them. */
interface OrderedBranch {
  readonly order: AuxiliaryOptions;
  readonly changes: readonly RowChange[];
}

/**
 * @param nameOrPath a model of the zoo (`yolov9-t`) or the path of a model file
 * @throws Error naming file, line and remedy for a model that is unknown or wrong
 */
export function loadModelSpec(nameOrPath: string): ModelSpec {
  return finish(readModel(nameOrPath, process.cwd(), "", []), shownPath(nameOrPath));
}

/**
 * A model that a file of weights stores: complete, so that nothing of it is looked up in another file.
 * @param source the file
 * @throws Error for a model that is wrong or names another one
 */
export function parseStoredSpec(value: unknown, source: string): ModelSpec {
  if (typeof value === "object" && value !== null && "extends" in value) {
    throw new Error(
      `${source}: its model extends another file; a stored model is complete, and nothing else is read for it`,
    );
  }
  const stored = storedSchema.safeParse(value);
  if (!stored.success) {
    throw new Error(
      stored.error.issues
        .slice(0, SHOWN_ISSUES)
        .map((issue) => `${source}: its model: ${explain(issue)}`)
        .join("\n"),
    );
  }
  try {
    return parseModelSpec(value, source);
  } catch (error) {
    throw new Error(`${source}: its model: ${messageOf(error)}`, { cause: error });
  }
}

/** A file of another kind can have as many issues as rows. */
const SHOWN_ISSUES = 5;

/**
 * A model that a program has in memory.
 * @param source what messages call it
 * @throws Error for a model that is wrong
 */
export function parseModelSpec(value: unknown, source = "model"): ModelSpec {
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success)
    throw new Error(
      parsed.error.issues
        .slice(0, SHOWN_ISSUES)
        .map((issue) => `${source}: ${explain(issue)}`)
        .join("\n"),
    );
  return finish(
    layer(parsed.data, process.cwd(), [], () => undefined),
    source,
  );
}

/**
 * @param directory what a relative path is relative to
 * @param referrer beginning of a message: where the model was named
 * @param extending the files that led here, to notice a circle
 */
function readModel(nameOrPath: string, directory: string, referrer: string, extending: readonly string[]): Layered {
  const variant = variantFile(nameOrPath);
  if (variant !== undefined) {
    return layer({ name: nameOrPath, ...fileSchema.parse(variant) }, directory, extending, () => undefined);
  }
  return readLayered(locateModel(nameOrPath, directory, referrer), extending);
}

function readLayered(path: string, extending: readonly string[]): Layered {
  const source = shownPath(path);
  if (extending.includes(path)) {
    throw new Error(`${source}: extends itself by way of ${[...extending, path].map(shownPath).join(" → ")}`);
  }
  const { value, lineOf } = readYamlFile(path, source);
  const at = (keys: readonly PropertyKey[]): string => `${source}:${lineOf(keys)}`;
  const name = basename(path, EXTENSION);
  if (isIndexedFile(value)) return indexedLayer(value, name, at);
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues
        .slice(0, SHOWN_ISSUES)
        .map((issue) => `${at(issue.path)}: ${explain(issue)}`)
        .join("\n"),
    );
  }
  return layer({ ...parsed.data, name: parsed.data.name ?? name }, dirname(path), [...extending, path], at);
}

function indexedLayer(value: unknown, name: string, at: (keys: readonly PropertyKey[]) => string): Layered {
  const { sections, ...header } = indexedModel(value, at);
  return { header: { name, ...header }, defaults: {}, sections, auxiliary: undefined };
}

type Locator = (keys: readonly PropertyKey[]) => string | undefined;

/** Puts a file on top of the one that it extends. */
function layer(file: ModelFile, directory: string, extending: readonly string[], at: Locator): Layered {
  const base = inherited(file, directory, extending, at);
  const { defaults = {}, rows: changed = {} } = file;
  const ordered = auxiliaryOrder(file.auxiliary);
  const given = { ...file, auxiliary: isSection(file.auxiliary) ? file.auxiliary : ordered && [] };
  const sections = mapSections((name) => stack(base.sections[name], given[name], name, at));
  const auxiliary = ordered ?? (Array.isArray(file.auxiliary) ? undefined : base.auxiliary);
  const changes = Object.entries(changed).map(([name, options]) => ({ name, options, origin: at(["rows", name]) }));
  const names = SECTIONS.flatMap((section) => sections[section].map(nameOf));
  const later = changes.filter(({ name }) => !names.includes(name));
  if (auxiliary === undefined) refuseUnknown(later, names);
  return {
    header: { ...base.header, ...headerOf(file) },
    defaults: mergeOptions(base.defaults, defaults),
    sections: mapSections((section) => sections[section].map((row) => changedRow(row, changes))),
    auxiliary: auxiliary && { ...auxiliary, changes: [...auxiliary.changes, ...later] },
  };
}

type SectionValue = z.infer<typeof sectionSchema>;

function isSection(value: ModelFile["auxiliary"]): value is SectionValue | undefined {
  return value === undefined || Array.isArray(value) || "append" in value;
}

function auxiliaryOrder(value: ModelFile["auxiliary"]): OrderedBranch | undefined {
  return isSection(value) ? undefined : { order: value, changes: [] };
}

/** The keys that are the model's own, not instructions for putting files together. */
function headerOf(file: ModelFile): Layered["header"] {
  return headerSchema.partial().parse(file);
}

function inherited(file: ModelFile, directory: string, extending: readonly string[], at: Locator): Layered {
  if (file.extends === undefined)
    return { header: {}, defaults: {}, sections: mapSections(() => []), auxiliary: undefined };
  const place = placeBefore(at(["extends"]));
  const { header, defaults, sections, auxiliary } = readModel(file.extends, directory, place, extending);
  const { width = 1 } = file;
  return {
    header: { ...header, description: undefined },
    defaults,
    sections: mapSections((name) => sections[name].map((row) => scaled(row, width))),
    auxiliary,
  };
}

function placeBefore(place: string | undefined): string {
  return place === undefined ? "" : `${place}: `;
}

function stack(
  base: readonly FileRow[],
  given: z.infer<typeof sectionSchema> | undefined,
  section: SectionName,
  at: Locator,
): readonly FileRow[] {
  if (given === undefined) return base;
  if (Array.isArray(given)) return given.map((options, i) => ({ options, origin: at([section, i]) }));
  const appended = given.append.map((options, i) => ({ options, origin: at([section, "append", i]) }));
  return [...base, ...appended];
}

/** `out` and `hidden` are the channel numbers of every block. */
function scaled(row: FileRow, width: number): FileRow {
  if (width === 1) return row;
  const scale = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(scale);
    return typeof value === "number" ? scaledWidth(value, width) : value;
  };
  const { options } = row;
  const channels = Object.entries(options).filter(([key]) => key === "out" || key === "hidden");
  return {
    ...row,
    options: { ...options, ...Object.fromEntries(channels.map(([key, value]) => [key, scale(value)])) },
  };
}

function nameOf(row: FileRow): string {
  return String(row.options["name"]);
}

function changedRow(row: FileRow, changes: readonly RowChange[]): FileRow {
  return changes
    .filter(({ name }) => name === nameOf(row))
    .reduce<FileRow>(({ options }, change) => {
      const merged = Object.entries({ ...options, ...change.options }).filter(([, value]) => value !== null);
      return { options: Object.fromEntries(merged), origin: change.origin };
    }, row);
}

/** @throws Error when a change names none of the rows */
function refuseUnknown(changes: readonly RowChange[], names: readonly string[]): void {
  const [unknown] = changes.filter(({ name }) => !names.includes(name));
  if (unknown === undefined) return;
  const { name, origin = "rows" } = unknown;
  throw new Error(`${origin}: no row "${name}" to change${didYouMean(name, names)}`);
}

/** Fills in defaults, names every row's inputs, and checks that the rows fit together. */
function finish({ header, defaults, sections, auxiliary }: Layered, source: string): ModelSpec {
  const { name = source, description, ...settings } = header;
  const completed: Row[] = [];
  const complete = (row: FileRow): Row => {
    const { name: rowName, from = completed.at(-1)?.name ?? IMAGE, like, ...own } = fileRowSchema.parse(row.options);
    const place = `${row.origin ?? name}: row "${rowName}"`;
    const model = like === undefined ? undefined : earlierRow(like, completed, place);
    const block = own.block ?? model?.block;
    if (block === undefined)
      throw new Error(`${place}: names no block; give "block", or "like" with the name of a row`);
    const inherited = model === undefined ? {} : blockOptions(model);
    const inputs = Array.isArray(from) ? from : [from];
    const result: Row = { name: rowName, from: inputs, ...defaults[block], ...inherited, ...own, block };
    if (row.origin !== undefined) rememberOrigin(result, row.origin);
    completed.push(result);
    return result;
  };
  const spec: ModelSpec = {
    ...HEADER_DEFAULTS,
    ...defined(settings),
    name,
    ...defined({ description }),
    ...mapSections((section) => sections[section].map(complete)),
  };
  const finished = auxiliary === undefined ? spec : withOrdered(spec, auxiliary, complete);
  planModel(finished);
  return finished;
}

/**
 * The rows of an ordered auxiliary branch, then those that were appended to it.
 * @param complete what makes a row of a changed one
 */
function withOrdered(spec: ModelSpec, { order, changes }: OrderedBranch, complete: (row: FileRow) => Row): ModelSpec {
  const made = withAuxiliary(spec, order);
  const { backbone, neck, head } = spec;
  refuseUnknown(
    changes,
    [...backbone, ...neck, ...head, ...made.auxiliary].map(({ name }) => name),
  );
  const rows = made.auxiliary.map((row) => {
    const changed = changedRow({ options: row, origin: undefined }, changes);
    return changed.options === row ? row : complete(changed);
  });
  return { ...made, auxiliary: [...rows, ...spec.auxiliary] };
}

/** The row that another one wants to be like. */
function earlierRow(name: string, earlier: readonly Row[], place: string): Row {
  const row = earlier.find((candidate) => candidate.name === name);
  if (row !== undefined) return row;
  const names = earlier.map((candidate) => candidate.name);
  throw new Error(`${place}: no earlier row "${name}" to be like${didYouMean(name, names)}`);
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
  if (issue.path.length === 0) return `a model file is a map of keys such as backbone and head: ${issue.message}`;
  return `${issue.path.map(String).join(".")}: ${issue.message}`;
}
