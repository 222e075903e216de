/**
 * The modules that model files in the published row format name, and what each is here: its arguments by place, and the block and
 * options that they come to. A table of data, so that nothing in a model file is ever evaluated as a program.
 */
import { z } from "zod";
import { channels } from "../blocks/options.js";

/** A row's block and options, or, for a head, the block of each of its heads. */
export interface IndexedModule {
  /** Of the arguments in brackets. The first one is the number of output channels where `widens` is set. */
  readonly args: z.ZodType<readonly unknown[]>;
  /** Whether the first argument is scaled by width_multiple and rounded. */
  readonly widens: boolean;
  /** How many heads the row makes, auxiliary ones first; 0 for a row that is no head. */
  readonly heads: number;
  /** Whether a repeat count is an option of the module's own, which these models leave at 1, instead of a chain of modules. */
  readonly ownRepeats: boolean;
  options(args: readonly unknown[]): { block: string; [option: string]: unknown };
}

const count = channels;
const none = z.union([z.null(), z.literal("None")]);

function define<Args extends readonly unknown[]>(
  args: z.ZodType<Args>,
  options: (args: Args) => { block: string; [option: string]: unknown },
  { widens = true, heads = 0, ownRepeats = false } = {},
): IndexedModule {
  return { args, widens, heads, ownRepeats, options: (given) => options(args.parse(given)) };
}

const unscaled = { widens: false };
const onlyOut = z.tuple([count]);
const elan = z.tuple([count, count, count]);

/** Kernel, stride, padding, groups, dilation, activation, as PyTorch code orders them; the padding must be the one that keeps the size. */
const convArgs = z
  .tuple([
    count,
    count.optional(),
    count.optional(),
    z.union([none, z.int().nonnegative()]).optional(),
    count.optional(),
    count.optional(),
    z.union([z.boolean(), z.enum(["True", "False"])]).optional(),
  ])
  .refine(([, kernel = 1, , padding, , dilation = 1]) => {
    return typeof padding !== "number" || padding === Math.floor((dilation * (kernel - 1) + 1) / 2);
  }, "the padding must be left out (None): it always keeps the size");

const nearestUpsample = z.tuple([none, z.int().min(2), z.literal("nearest").optional()]);
const repConvArgs = z.tuple([count, z.literal(3).optional(), z.literal(1).optional()]);

function head(block: string, heads: number): IndexedModule {
  return define(z.tuple([z.union([z.literal("nc"), count])]), () => ({ block }), { widens: false, heads });
}

const modules: ReadonlyMap<string, IndexedModule> = new Map([
  [
    "Conv",
    define(convArgs, ([out, kernel = 1, stride = 1, , groups = 1, dilation = 1, act = true]) => ({
      block: "Conv",
      ...{ out, kernel, stride, groups, dilation },
      ...(act === false || act === "False" ? { activation: "none" } : {}),
    })),
  ],
  ["AConv", define(onlyOut, ([out]) => ({ block: "AConv", out }))],
  ["ADown", define(onlyOut, ([out]) => ({ block: "ADown", out }))],
  ["ELAN1", define(elan, ([out, split, width]) => ({ block: "ELAN1", out, hidden: [split, width] }))],
  [
    "RepNCSPELAN4",
    define(z.tuple([count, count, count, count.optional()]), ([out, split, width, cspDepth = 1]) => ({
      block: "GELAN",
      ...{ out, hidden: [split, width], cspDepth },
    })),
  ],
  ["SPPELAN", define(z.tuple([count, count]), ([out, hidden]) => ({ block: "SPPELAN", out, hidden }))],
  ["SPPCSPC", define(onlyOut, ([out]) => ({ block: "SPPCSPC", out }), { ownRepeats: true })],
  ["RepConvN", define(repConvArgs, ([out]) => ({ block: "RepConv", out }), unscaled)],
  [
    "MP",
    define(z.tuple([count.optional()]), ([kernel = 2]) => ({ block: "MaxPool", kernel, stride: kernel }), unscaled),
  ],
  ["nn.Upsample", define(nearestUpsample, ([, factor]) => ({ block: "Upsample", factor }), unscaled)],
  ["Concat", define(z.tuple([z.literal(1)]), () => ({ block: "Concat" }), unscaled)],
  ["CBLinear", define(z.tuple([z.array(count).min(1)]), ([out]) => ({ block: "CBLinear", out }), unscaled)],
  ["CBFuse", define(z.tuple([z.array(z.int().nonnegative())]), ([take]) => ({ block: "CBFuse", take }), unscaled)],
  ["Detect", head("Detect", 1)],
  ["DDetect", head("DecoupledDetect", 1)],
  ["DualDetect", head("Detect", 2)],
  ["DualDDetect", head("DecoupledDetect", 2)],
  ["TripleDetect", head("Detect", 3)],
  ["TripleDDetect", head("DecoupledDetect", 3)],
]);

export function findIndexedModule(name: string): IndexedModule | undefined {
  return modules.get(name);
}

export function indexedModuleNames(): string[] {
  return [...modules.keys()];
}
