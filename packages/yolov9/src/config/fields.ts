/**
 * What a configuration schema says about its keys, in one plain shape: name, flag, kind, default, allowed values, description.
 * The CLI, the error messages and the tables of the documentation read a schema through this file, never through zod's internals.
 */
import { z } from "zod";

/** The schemas of this folder: a flat object whose unknown keys are refused. */
export type ConfigSchema = z.ZodObject<z.ZodRawShape, z.core.$strict>;

export type FieldKind = "boolean" | "integer" | "number" | "string" | "list" | "boolean-or-string";

export interface ConfigField {
  /** The key in YAML and in TypeScript, `weightDecay`. */
  readonly key: string;
  /** The key on the command line, `--weight-decay`. */
  readonly flag: string;
  /** Another name of the flag, which users of similar programs type. */
  readonly alias?: string;
  readonly kind: FieldKind;
  /** Kind of the elements of a list. */
  readonly itemKind?: "integer" | "number" | "string";
  readonly required: boolean;
  readonly default?: unknown;
  readonly choices?: readonly string[];
  /** Of numbers, where only multiples of one are allowed. */
  readonly multipleOf?: number;
  /** The allowed values in words, `an integer ≥ 1`. */
  readonly allowed: string;
  readonly description: string;
}

/** Other names of flags, by key. */
const ALIASES: Readonly<Record<string, string>> = { confidence: "--conf" };

const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

/** The part of JSON Schema (as zod writes it) that the flat schemas of this folder use. */
const jsonField = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  default: z.unknown().optional(),
  description: z.string().default(""),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().optional(),
  items: z.object({ type: z.string() }).optional(),
  /** From `meta`, where limits cannot be told from the schema. */
  allowed: z.string().optional(),
});
const jsonObject = z.object({
  properties: z.record(z.string(), jsonField),
  required: z.array(z.string()).default([]),
});
type JsonField = z.infer<typeof jsonField>;

/** `weightDecay` → `--weight-decay`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The keys of a schema in the order of their definition.
 * @throws Error when a field has a kind that a flag cannot express (a programming error of the schema)
 */
export function configFields(schema: ConfigSchema): ConfigField[] {
  const { properties, required } = jsonObject.parse(z.toJSONSchema(schema, { io: "input" }));
  return Object.entries(properties).map(([key, json]) => ({
    key,
    flag: flagOf(key),
    ...(ALIASES[key] === undefined ? {} : { alias: ALIASES[key] }),
    kind: kindOf(key, json),
    ...(json.items === undefined ? {} : { itemKind: itemKindOf(key, json.items.type) }),
    required: required.includes(key),
    ...(json.default === undefined ? {} : { default: json.default }),
    ...(json.enum === undefined ? {} : { choices: json.enum }),
    ...(json.multipleOf === undefined ? {} : { multipleOf: json.multipleOf }),
    allowed: json.allowed ?? allowedValues(json),
    description: json.description,
  }));
}

function kindOf(key: string, json: JsonField): FieldKind {
  if (Array.isArray(json.type)) {
    if (json.type.length === 2 && json.type.includes("boolean") && json.type.includes("string"))
      return "boolean-or-string";
  } else if (json.type === "array") {
    return "list";
  } else if (json.type === "boolean" || json.type === "integer" || json.type === "number" || json.type === "string") {
    return json.type;
  }
  throw new Error(`config field ${key} has type ${String(json.type)}, which no flag can express`);
}

function itemKindOf(key: string, type: string): "integer" | "number" | "string" {
  if (type === "integer" || type === "number" || type === "string") return type;
  throw new Error(`config field ${key} is a list of ${type}, which no flag can express`);
}

/** `an integer ≥ 1`, `a number > 0 and ≤ 1`, `one of linear, cosine`. */
function allowedValues(json: JsonField): string {
  if (json.enum !== undefined) return `one of ${json.enum.join(", ")}`;
  if (Array.isArray(json.type))
    return json.type.map((type) => (type === "boolean" ? "true or false" : `a ${type}`)).join(", or ");
  if (json.type === "boolean") return "true or false";
  if (json.type === "array") return `a list of ${json.items?.type ?? "value"}s`;
  const limits = [
    json.exclusiveMinimum === undefined ? undefined : `> ${json.exclusiveMinimum}`,
    json.minimum === undefined || json.minimum === -MAX_INTEGER ? undefined : `≥ ${json.minimum}`,
    json.exclusiveMaximum === undefined ? undefined : `< ${json.exclusiveMaximum}`,
    json.maximum === undefined || json.maximum === MAX_INTEGER ? undefined : `≤ ${json.maximum}`,
    json.multipleOf === undefined ? undefined : `a multiple of ${json.multipleOf}`,
  ].filter((limit) => limit !== undefined);
  const noun = json.type === "integer" ? "an integer" : json.type === "number" ? "a number" : "text";
  return limits.length === 0 ? noun : `${noun} ${limits.join(" and ")}`;
}
