/**
 * What a block is to a model file, and the table of those that are known. A block says which options its row takes, what it
 * gives for what it gets (channels and stride), and how to make it; registering one makes its name usable in any model file,
 * also as the inner block of a GELAN. Nothing here runs a block.
 */
import { fanOut, Module, type Tensor } from "@yolov9/torch";
import type { z } from "zod";
import type { Activation } from "../activation.js";
import { didYouMean } from "../did-you-mean.js";
import { BlockError } from "./block-error.js";
import { countBlock } from "./budget.js";

export { BlockError };

/** What flows between rows: a tensor [B, channels, H / stride, W / stride] for an input image of H × W. */
export interface Feature {
  readonly channels: number;
  readonly stride: number;
  /** Channels of the pieces that a CBLinear lays side by side; absent on ordinary features. */
  readonly parts?: readonly number[];
}

/** A block with one output; it gets as many tensors as its row names. */
export abstract class FeatureBlock extends Module {
  abstract forward(...inputs: Tensor[]): Tensor;

  /**
   * What the block makes of its only input, and that input for whatever else uses it. A block that begins with a convolution has the
   * gradients of both uses added there.
   */
  pass(x: Tensor): [output: Tensor, input: Tensor] {
    const [used, passed] = fanOut(x, 2);
    return [this.forward(used), passed];
  }
}

/** A block with several outputs, which other rows name `row.0`, `row.1` …; it gets as many tensors as its row names. */
export abstract class MultiFeatureBlock extends Module {
  abstract forward(...inputs: Tensor[]): Tensor[];
  /** The modules whose convolutions give positions of one output. */
  abstract level(index: number): readonly Module[];
}

/** A prediction head: one raw output [B, 4 · regMax + classCount (+ 1 with objectness), H, W] for each level that its row names. */
export abstract class Head extends Module {
  abstract forward(...levels: Tensor[]): Tensor[];
  /** The modules that work on one level. */
  abstract level(index: number): readonly Module[];
  /** Sets the last biases so that an untrained model predicts few objects. */
  abstract initialiseBiases(strides: readonly number[]): void;
}

/** What a block may need to know of the model that it becomes part of. */
export interface BlockContext {
  readonly activation: Activation;
  readonly classCount: number;
  /** Bins of the distance distribution of a box side. */
  readonly regMax: number;
  /** Whether heads predict, beside the classes, how well a box fits an object of any class. */
  readonly objectness: boolean;
}

interface CommonDefinition<Schema extends z.ZodObject> {
  readonly name: string;
  /** How many rows `from` names. */
  readonly inputs: "one" | "many";
  /** A strict object schema: an option that it does not know is refused. */
  readonly options: Schema;
}

export interface FeatureDefinition<Schema extends z.ZodObject> extends CommonDefinition<Schema> {
  output(inputs: readonly Feature[], options: z.output<Schema>): Feature;
  build(inputs: readonly Feature[], options: z.output<Schema>, context: BlockContext): FeatureBlock;
}

export interface MultiFeatureDefinition<Schema extends z.ZodObject> extends CommonDefinition<Schema> {
  outputs(inputs: readonly Feature[], options: z.output<Schema>): readonly Feature[];
  build(inputs: readonly Feature[], options: z.output<Schema>, context: BlockContext): MultiFeatureBlock;
}

export interface HeadDefinition<Schema extends z.ZodObject> extends CommonDefinition<Schema> {
  build(inputs: readonly Feature[], options: z.output<Schema>, context: BlockContext): Head;
}

/** A block whose options and inputs are known. */
export type BoundBlock =
  | { readonly kind: "feature"; readonly output: Feature; build(context: BlockContext): FeatureBlock }
  | { readonly kind: "features"; readonly outputs: readonly Feature[]; build(context: BlockContext): MultiFeatureBlock }
  | { readonly kind: "head"; build(context: BlockContext): Head };

export interface Block {
  readonly name: string;
  readonly kind: BoundBlock["kind"];
  readonly optionNames: readonly string[];
  /** @throws BlockError when an option is unknown or wrong, or the inputs do not fit */
  bind(inputs: readonly Feature[], options: Readonly<Record<string, unknown>>): BoundBlock;
}

const blocks = new Map<string, Block>();

/** Makes a block with one output known under its name. @throws Error when the name is taken */
export function registerBlock<Schema extends z.ZodObject>(definition: FeatureDefinition<Schema>): void {
  add(definition, "feature", (inputs, options) => ({
    kind: "feature",
    output: definition.output(inputs, options),
    build: (context) => definition.build(inputs, options, context),
  }));
}

/** Makes a block with several outputs known under its name. @throws Error when the name is taken */
export function registerMultiBlock<Schema extends z.ZodObject>(definition: MultiFeatureDefinition<Schema>): void {
  add(definition, "features", (inputs, options) => ({
    kind: "features",
    outputs: definition.outputs(inputs, options),
    build: (context) => definition.build(inputs, options, context),
  }));
}

/** Makes a prediction head known under its name. @throws Error when the name is taken */
export function registerHead<Schema extends z.ZodObject>(definition: HeadDefinition<Schema>): void {
  add(definition, "head", (inputs, options) => ({
    kind: "head",
    build: (context) => definition.build(inputs, options, context),
  }));
}

/** @throws BlockError naming the nearest known block */
export function findBlock(name: string): Block {
  const block = blocks.get(name);
  if (block === undefined) throw new BlockError(`unknown block "${name}"${didYouMean(name, blockNames())}`);
  return block;
}

export function blockNames(): string[] {
  return [...blocks.keys()];
}

function add<Schema extends z.ZodObject>(
  definition: CommonDefinition<Schema>,
  kind: Block["kind"],
  bind: (inputs: readonly Feature[], options: z.output<Schema>) => BoundBlock,
): void {
  const { name } = definition;
  if (blocks.has(name)) throw new Error(`a block named "${name}" is registered already; choose another name`);
  blocks.set(name, {
    name,
    kind,
    optionNames: Object.keys(definition.options.shape),
    bind: (inputs, options) => {
      if (definition.inputs === "one" && inputs.length !== 1) {
        throw new BlockError(`${name} takes one input, but "from" names ${inputs.length}`);
      }
      return countBlock(() => bind(inputs, parseOptions(definition, options)));
    },
  });
}

function parseOptions<Schema extends z.ZodObject>(
  definition: CommonDefinition<Schema>,
  options: Readonly<Record<string, unknown>>,
): z.output<Schema> {
  const parsed = definition.options.safeParse(options);
  if (parsed.success) return parsed.data;
  const known = Object.keys(definition.options.shape);
  // A misspelt option is often also a missing one; naming the misspelling alone is clearer.
  const { issues } = parsed.error;
  const unknown = issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys : []));
  const problems =
    unknown.length > 0
      ? unknown.map((key) => `${definition.name} has no option "${key}"${didYouMean(key, known)}`)
      : issues.map((issue) => `${definition.name}: option "${issue.path.join(".")}": ${issue.message}`);
  throw new BlockError(problems.join("; "));
}
