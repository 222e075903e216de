/**
 * A model as data: named rows in the sections backbone, neck, head and auxiliary. This file holds the types and the schema of the
 * resolved form, which is itself a valid model file, so that a checkpoint can carry it. Reading files and what they inherit is
 * `spec-file.ts`; what flows between the rows is `plan.ts`.
 */
import { z } from "zod";
import { MOST_CLASSES } from "../class-limit.js";
import { atMost } from "./at-most.js";
import { activationSchema, type Activation } from "./activation.js";
import { GUIDANCES, type Guidance } from "./guidance.js";

/** In the order in which rows run. Dropping `auxiliary` makes the deploy model. */
export const SECTIONS = ["backbone", "neck", "head", "auxiliary"] as const;
export type SectionName = (typeof SECTIONS)[number];

/** The name of the input in `from`. */
export const IMAGE = "image";

/** One layer: its block's own options are further keys. */
export interface Row {
  readonly name: string;
  /** Names of earlier rows, or `image`. */
  readonly from: readonly string[];
  readonly block: string;
  readonly [option: string]: unknown;
}

/** The sections that published checkpoints number; all heads share the index after them. */
const BODY_SECTIONS = ["backbone", "neck", "auxiliary"] as const;
export type BodySection = (typeof BODY_SECTIONS)[number];

export interface ModelSpec {
  readonly name: string;
  readonly description?: string | undefined;
  readonly classCount: number;
  readonly activation: Activation;
  /** Bins of the distance distribution of a box side. */
  readonly regMax: number;
  /** Whether heads have a branch for how well a box fits an object of any class; a score is then class × objectness. */
  readonly objectness: boolean;
  /** How training assigns objects to the anchors of several heads. */
  readonly guidance: Guidance;
  /** Weight of each auxiliary head's loss next to the lead head's 1. */
  readonly auxiliaryWeight: number;
  /** The order in which the published checkpoint numbers the rows. */
  readonly publishedOrder: readonly BodySection[];
  readonly backbone: readonly Row[];
  readonly neck: readonly Row[];
  readonly head: readonly Row[];
  /** Empty for a model without auxiliary branch. */
  readonly auxiliary: readonly Row[];
}

export const HEADER_DEFAULTS = {
  classCount: 80,
  activation: "silu",
  regMax: 16,
  objectness: false,
  guidance: "independent",
  auxiliaryWeight: 0.25,
  publishedOrder: BODY_SECTIONS,
} as const satisfies Partial<ModelSpec>;

const LONGEST_NAME = 200;
/** Bins of a distribution reach as many cells far; no picture has more cells. */
const MOST_BINS = 256;

export const headerSchema = z.object({
  name: z.string().min(1).max(LONGEST_NAME),
  description: z.string(),
  classCount: z.int().positive().max(MOST_CLASSES, atMost(MOST_CLASSES)),
  activation: activationSchema,
  regMax: z.int().min(2).max(MOST_BINS, atMost(MOST_BINS)),
  objectness: z.boolean(),
  guidance: z.enum(GUIDANCES),
  auxiliaryWeight: z.number().min(0),
  publishedOrder: z.array(z.enum(BODY_SECTIONS)).length(BODY_SECTIONS.length),
});

/** Names become property paths of the weights (`backbone.stem1.conv.weight`), so they hold no dots and start with a letter. */
const rowNameSchema = z
  .string()
  .max(LONGEST_NAME)
  .regex(/^[A-Za-z][A-Za-z0-9_]*$/, "must be a letter followed by letters, digits or _");

const MOST_INPUTS = 100;
const LONGEST_INPUT = LONGEST_NAME + 10;
const inputName = z.string().max(LONGEST_INPUT);

export const rowSchema = z.looseObject({
  name: rowNameSchema,
  from: z.union([inputName, z.array(inputName).min(1).max(MOST_INPUTS)]).optional(),
  block: z.string().max(LONGEST_NAME),
});

/** Rows of one section. The largest published model has 43 in all. */
export const MOST_ROWS = 1000;

const origins = new WeakMap<Row, string>();

/** Remembers where a row was read, for messages. */
export function rememberOrigin(row: Row, origin: string): void {
  origins.set(row, origin);
}

/** `file:line` of a row, or the model's name when it was not read from a file. */
export function originOf(row: Row, spec: ModelSpec): string {
  return origins.get(row) ?? spec.name;
}

/** What a row says to its block. */
export function blockOptions(row: Row): Record<string, unknown> {
  const options: Record<string, unknown> = { ...row };
  for (const key of ["name", "from", "block"]) Reflect.deleteProperty(options, key);
  return options;
}

/** The same model without its auxiliary branch. */
export function withoutAuxiliary(spec: ModelSpec): ModelSpec {
  return { ...spec, auxiliary: [] };
}
