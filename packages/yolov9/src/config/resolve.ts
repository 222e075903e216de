/**
 * From a YAML file and command-line flags to one checked configuration. Defaults come from the schema, then the file, then the flags.
 * A key that is not known or a value that is not allowed stops with a message that names the place, the key, the value and the remedy.
 */
import { closest } from "fastest-levenshtein";
import { z } from "zod";
import { configFields, flagOf } from "./fields.js";
import type { ConfigField, ConfigSchema } from "./fields.js";
import { messageOf } from "../error-message.js";
import { readYamlFile } from "../yaml-lines.js";

/** A configuration that cannot be used; the message is meant for the user and needs no stack trace. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
}

/** A wrong command line: an option that is missing, has a value that is not allowed, or contradicts another. */
export class UsageError extends ConfigError {
  override readonly name = "UsageError";
}

export interface ConfigSources {
  /** Path of a YAML file with some of the keys. */
  readonly file?: string | undefined;
  /** Values by key, as commander's `opts()` gives them; keys that the schema does not have belong to the command and are left alone. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
  /** Told of values that were adjusted: sizes that are no multiple of what they must be are rounded up. Without it they are refused. */
  readonly note?: ((text: string) => void) | undefined;
}

interface Located {
  readonly value: unknown;
  /** Where the value was written: `train.yaml:3` or `command line`. */
  readonly place: string;
}

/**
 * The checked configuration with every default filled in.
 * @throws ConfigError naming every problem, one a line; a UsageError when not all of them stand in the file
 */
export function resolveConfig<S extends ConfigSchema>(schema: S, sources: ConfigSources): z.output<S> {
  const fields = configFields(schema);
  const located = new Map([
    ...(sources.file === undefined ? [] : readFileValues(sources.file, fields)),
    ...readFlags(sources.flags ?? {}, fields),
  ]);
  const { note } = sources;
  return check(schema, fields, note === undefined ? located : roundedUp(fields, located, note));
}

/** The keys of a schema that file or flags set. */
export function givenKeys(schema: ConfigSchema, { file, flags = {} }: ConfigSources): ReadonlySet<string> {
  const fields = configFields(schema);
  const inFile = file === undefined ? [] : readFileValues(file, fields);
  return new Set([...inFile, ...readFlags(flags, fields)].map(([key]) => key));
}

/** The configuration of an object from a program or a checkpoint, with the same messages; `place` says where it came from. */
export function parseConfig<S extends ConfigSchema>(
  schema: S,
  value: Readonly<Record<string, unknown>>,
  place: string,
): z.output<S> {
  const fields = configFields(schema);
  for (const key of Object.keys(value)) refuseUnknown(key, place, fields);
  const located = new Map(Object.entries(value).map(([key, entry]) => [key, { value: entry, place }]));
  return check(schema, fields, located, place);
}

function check<S extends ConfigSchema>(
  schema: S,
  fields: readonly ConfigField[],
  located: ReadonlyMap<string, Located>,
  only?: string,
): z.output<S> {
  const result = schema.safeParse(Object.fromEntries([...located].map(([key, { value }]) => [key, value])));
  if (result.success) return result.data;
  const keys = [...new Set(result.error.issues.map((issue) => String(issue.path[0])))];
  const text = keys.map((key) => problem(key, fields, located, only)).join("\n");
  const places = keys.map((key) => located.get(key)?.place ?? only);
  throw places.every((place) => place !== undefined && place !== COMMAND_LINE)
    ? new ConfigError(text)
    : new UsageError(text);
}

/** Whole numbers that must be multiples of another, such as image sizes of the stride, made the next larger one. */
function roundedUp(
  fields: readonly ConfigField[],
  located: ReadonlyMap<string, Located>,
  note: (text: string) => void,
): Map<string, Located> {
  const steps = new Map(fields.map(({ key, multipleOf }) => [key, multipleOf]));
  return new Map(
    [...located].map(([key, found]) => {
      const { value, place } = found;
      const step = steps.get(key);
      if (step === undefined || !Number.isSafeInteger(value)) return [key, found];
      const rounded = Math.ceil(Number(value) / step) * step;
      if (rounded === value || Number(value) < 1) return [key, found];
      note(`${place}: ${nameAt(place, key)} ${String(value)} is no multiple of ${step}; taking ${rounded}`);
      return [key, { value: rounded, place }];
    }),
  );
}

/** @param only where all values are from, when it is one place and neither a file nor the command line */
function problem(
  key: string,
  fields: readonly ConfigField[],
  located: ReadonlyMap<string, Located>,
  only: string | undefined,
): string {
  const field = fields.find((candidate) => candidate.key === key);
  const found = located.get(key);
  if (field === undefined) return `configuration: ${key} is not valid`;
  if (found === undefined && only !== undefined) return `${only}: ${key} is missing (${field.description})`;
  if (found === undefined)
    return `${key} is missing: give ${field.flag}, or ${key} in a YAML file (${field.description})`;
  return `${found.place}: ${nameAt(found.place, key)} is ${shown(found.value)}, but must be ${field.allowed}`;
}

const SHOWN_CHARACTERS = 80;

/** A value in a message. */
function shown(value: unknown): string {
  if (Array.isArray(value) && value.some((item) => typeof item === "object")) return "a list of lists or maps";
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return "a map";
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

const COMMAND_LINE = "command line";

/** How a key is called where it was written. */
function nameAt(place: string, key: string): string {
  return place === COMMAND_LINE ? flagOf(key) : key;
}

function readFlags(flags: Readonly<Record<string, unknown>>, fields: readonly ConfigField[]): [string, Located][] {
  return fields
    .filter(({ key }) => flags[key] !== undefined)
    .map(({ key }) => [key, { value: flags[key], place: COMMAND_LINE }]);
}

function readFileValues(file: string, fields: readonly ConfigField[]): [string, Located][] {
  const { value, lineOf } = readFile(file);
  if (value === null) return [];
  const values = z.record(z.string(), z.unknown()).safeParse(value);
  if (!values.success) throw new ConfigError(`${file}: expected keys and values (epochs: 100), found something else`);
  return Object.entries(values.data).flatMap(([key, entry]): [string, Located][] => {
    const place = `${file}:${lineOf([key])}`;
    refuseUnknown(key, place, fields);
    // `name:` with nothing after it means the default, as if the line were not there.
    if (entry === null || entry === undefined) return [];
    // `device: 0` is text that YAML takes for a number.
    const isText = fields.find((field) => field.key === key)?.kind === "string";
    return [[key, { value: isText && typeof entry === "number" ? String(entry) : entry, place }]];
  });
}

function readFile(file: string): ReturnType<typeof readYamlFile> {
  try {
    return readYamlFile(file);
  } catch (error) {
    throw new ConfigError(messageOf(error));
  }
}

function refuseUnknown(key: string, place: string, fields: readonly ConfigField[]): void {
  if (fields.some((field) => field.key === key)) return;
  // weight_decay and weight-decay are the two usual ways to miss weightDecay, so they are compared in its spelling.
  const camel = key.replace(/[-_]+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const nearest = closest(
    camel,
    fields.map((field) => field.key),
  );
  throw new ConfigError(`${place}: unknown key ${key}; did you mean ${nearest}?`);
}
