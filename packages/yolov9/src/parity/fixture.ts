/**
 * The format of parity files: outputs, loss and gradients of a reference whose weights both sides compute from the published key
 * of each tensor, so that no weights need to travel.
 */
import { readFileSync } from "node:fs";
import { tensor, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import { messageOf } from "../error-message.js";
import { issueLines } from "../issue-text.js";

const values = z.object({ shape: z.array(z.int()), values: z.array(z.number()) });

const fixtureSchema = z.object({
  /** Name of the model in the zoo. */
  variant: z.string(),
  nc: z.int().positive(),
  /** Side of the input in pixels. */
  size: z.int().positive(),
  /** Images of the training step; evaluation uses one. */
  batch: z.int().positive(),
  parameters: z.int().positive(),
  state_dict: z.record(z.string(), z.array(z.int())),
  strides: z.array(z.number()),
  /** Decoded outputs [1, 4 + nc, A]: auxiliary heads first, the lead head last. */
  eval: z.array(values).min(1),
  /** image, class, cx, cy, w, h as fractions */
  targets: z.array(z.array(z.number()).length(6)),
  train: z.object({
    /** Of the batch: the mean over its images times their number. */
    loss: z.number(),
    items_box_cls_dfl: z.tuple([z.number(), z.number(), z.number()]),
    /** L2 norm of each parameter's gradient; null for frozen ones. */
    grad_l2: z.record(z.string(), z.number().nullable()),
    bn_running_mean_l2: z.record(z.string(), z.number()),
  }),
});

export type ParityFixture = z.infer<typeof fixtureSchema>;

/** @throws Error naming the file and what is wrong with it */
export function readFixture(path: string): ParityFixture {
  const content = readJson(path);
  const parsed = fixtureSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new Error(`${path}: not a parity file: ${issueLines(parsed.error, content).slice(0, SHOWN_ISSUES).join("; ")}`);
}

const SHOWN_ISSUES = 3;

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: not a parity file: ${messageOf(error)}`, { cause: error });
  }
}

/** Weights for published keys, by rules on the key; `dfl` bins are constants and left out. */
export function weightsOf(stateDict: Readonly<Record<string, readonly number[]>>): Map<string, Tensor> {
  const trained = Object.entries(stateDict).filter(([key]) => !key.includes(".dfl"));
  return new Map(trained.map(([key, shape]) => [key, weight(key, shape)]));
}

/** Images [batch, 3, size, size] in 0..1. */
export function imagesOf({ size }: ParityFixture, batch: number): Tensor {
  return noise("image", [batch, 3, size, size], (u) => u);
}

function weight(key: string, shape: readonly number[]): Tensor {
  if (key.endsWith("num_batches_tracked")) return tensor(0, { dtype: "int64" });
  if (key.endsWith("running_var")) return noise(key, shape, (u) => 0.5 + u);
  if (key.endsWith("running_mean")) return noise(key, shape, (u) => 0.2 * (u - 0.5));
  if (shape.length === 4) {
    const bound = Math.sqrt(6 / (shape[1]! * shape[2]! * shape[3]!));
    return noise(key, shape, (u) => (2 * u - 1) * bound);
  }
  if (key.endsWith(".weight")) return noise(key, shape, (u) => 0.75 + 0.5 * u);
  if (key.includes(".bn.")) return noise(key, shape, (u) => 0.2 * (u - 0.5));
  return noise(key, shape, (u) => 2 * u - 2.5);
}

/** Element i is f(u), u in [0, 1) being a hash of the key and i; computed in double precision, stored as float32. */
function noise(key: string, shape: readonly number[], f: (u: number) => number): Tensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const seed = fnv1a32(key);
  for (let i = 0; i < data.length; i++) data[i] = f(lowbias32(seed + Math.imul(i, GOLDEN_RATIO)) / 2 ** 32);
  return tensor(data, { shape });
}

const GOLDEN_RATIO = 0x9e3779b9;

/** The 32-bit Fowler–Noll–Vo hash of the text's UTF-8 bytes. */
function fnv1a32(text: string): number {
  let hash = 2166136261;
  for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** Wellons' integer mixer of low bias. */
function lowbias32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
