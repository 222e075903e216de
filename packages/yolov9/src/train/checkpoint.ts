/**
 * Checkpoints on disk: one safetensors file that holds every tensor and, in its metadata, everything else, so that it is whole or not
 * there at all. A copy of that metadata lies beside it as readable JSON. What belongs into a checkpoint is training-state.ts's business.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DamagedFileError, loadSafetensors, readSafetensorsHeader, saveSafetensors } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import { ConfigError, parseConfig, TrainConfig } from "../config/index.js";
import { parseStoredSpec, restoreModel } from "../model/index.js";
import type { DetectionModel, ModelSpec } from "../model/index.js";
import { writeWhole } from "@yolov9/torch/whole-file";
import { EpochResult } from "./results.js";
import { issueLines } from "../issue-text.js";

const FORMAT = "yolov9-checkpoint-2";
/** The same without checksums. */
const UNCHECKED_FORMAT = "yolov9-checkpoint-1";
const METADATA_KEY = "checkpoint";
const SUFFIX = ".safetensors";

/** Names of tensors start with what they belong to. */
export const TENSOR_GROUPS = ["model/", "ema/", "optimizer/", "generator/"] as const;
export type TensorGroup = (typeof TENSOR_GROUPS)[number];

const storedState = z.object({
  /** `training` can be resumed; `weights` holds the average alone. */
  kind: z.enum(["training", "weights"]),
  savedAt: z.string(),
  config: z.record(z.string(), z.unknown()),
  names: z.array(z.string()),
  spec: z.unknown(),
  /** Number of training and validation images, to notice when the data has changed. */
  images: z.object({ train: z.int(), val: z.int() }),
  /** Whole epochs done, and batches of the next one. */
  epoch: z.int().min(0),
  batch: z.int().min(0),
  /** Batches done over all epochs, and the value of that at the last step of the optimiser. */
  iteration: z.int().min(0),
  lastStep: z.int(),
  /** Sums of the losses over the `batch` batches of the epoch underway. */
  losses: z.object({ box: z.number(), cls: z.number(), dfl: z.number() }),
  emaUpdates: z.int().min(0),
  best: z.object({ fitness: z.number(), epoch: z.int() }),
  /** The epoch from which patience counts. */
  patienceFrom: z.int().min(0).default(0),
  results: z.array(EpochResult),
});

/** All of a checkpoint but its tensors. */
export type CheckpointState = Omit<z.output<typeof storedState>, "config" | "spec"> & {
  readonly config: TrainConfig;
  readonly spec: ModelSpec;
};

export interface Checkpoint {
  readonly path: string;
  readonly state: CheckpointState;
  /** Tensors of one group by their names without the group. They live until `dispose`. */
  group(name: TensorGroup): ReadonlyMap<string, Tensor>;
  dispose(): void;
}

/** Writes a checkpoint; a reader, or a run killed meanwhile, finds the old or the new one. */
export function writeCheckpoint(
  path: string,
  state: CheckpointState,
  groups: Readonly<Partial<Record<TensorGroup, ReadonlyMap<string, Tensor>>>>,
): void {
  const tensors = Object.entries(groups).flatMap(([group, members]) =>
    [...members].map(([name, tensor]): [string, Tensor] => [group + name, tensor]),
  );
  saveSafetensors(path, tensors, { format: FORMAT, [METADATA_KEY]: JSON.stringify(state) });
  writeWhole(path.slice(0, -SUFFIX.length) + ".json", JSON.stringify(state, undefined, 2));
}

/**
 * Reads a checkpoint, and compares what it reads with its checksums.
 * @param groups tensors to read; all when left out
 * @throws Error naming the file when it is none, DamagedFileError when bytes have changed since it was written
 */
export function readCheckpoint(path: string, groups: readonly TensorGroup[] = TENSOR_GROUPS): Checkpoint {
  const isWanted = (name: string) => groups.some((group) => name.startsWith(group));
  const { tensors, metadata, checked } = loadSafetensors(path, isWanted);
  const dispose = () => {
    for (const tensor of tensors.values()) tensor.dispose();
  };
  try {
    const group = (name: TensorGroup) =>
      new Map(
        [...tensors].flatMap(([key, tensor]) => (key.startsWith(name) ? [[key.slice(name.length), tensor]] : [])),
      );
    return { path, state: stateOf(metadata, checked, path), group, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** All of a checkpoint but its tensors, which are not read. @throws like `readCheckpoint` */
export function readCheckpointState(path: string): CheckpointState {
  const { metadata, checked } = readSafetensorsHeader(path);
  return stateOf(metadata, checked, path);
}

function isFormat(format: string | undefined): boolean {
  return format === FORMAT || format === UNCHECKED_FORMAT;
}

function stateOf(metadata: Readonly<Record<string, string>>, checked: boolean, path: string): CheckpointState {
  const text = metadata[METADATA_KEY];
  if (metadata["format"] === FORMAT && !checked)
    throw new DamagedFileError(
      `${path}: its header is damaged (the checksums are missing); use another copy of the file`,
    );
  if (!isFormat(metadata["format"]) || text === undefined) {
    throw new Error(`${path}: no checkpoint of this program (bare weights need --model to say what they belong to)`);
  }
  const value = jsonOf(text);
  const stored = storedState.safeParse(value);
  if (!stored.success) {
    const [problem] = issueLines(stored.error, value);
    throw new Error(`${path}: the checkpoint is damaged: ${problem}`);
  }
  const { config, spec, ...rest } = stored.data;
  return { ...rest, config: parseConfig(TrainConfig, config, path), spec: parseStoredSpec(spec, path) };
}

/** The configuration of the run that a path's checkpoint is of; undefined for paths that `loadCheckpoint` cannot take. */
export function runConfigOf(path: string): TrainConfig | undefined {
  if (!isCheckpoint(path)) return undefined;
  const file = checkpointFile(path);
  return readCheckpointState(file).config;
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A trained model with what is known of it. */
export interface LoadedCheckpoint {
  /** In evaluation mode, with the auxiliary branch if it was trained with one. The caller disposes of it. */
  readonly model: DetectionModel;
  readonly names: readonly string[];
  readonly spec: ModelSpec;
  readonly config: TrainConfig;
  /** Whole epochs that the weights were trained for. */
  readonly epoch: number;
  readonly state: CheckpointState;
  /** The file that was read. */
  readonly path: string;
}

/**
 * The model of a checkpoint.
 * @param path a run folder (its best checkpoint, else its last), or a checkpoint's .safetensors or .json file
 * @param options.weights the average (default) or the weights of the last step
 */
export function loadCheckpoint(path: string, options: { readonly weights?: "ema" | "raw" } = {}): LoadedCheckpoint {
  const group = options.weights === "raw" ? "model/" : "ema/";
  const checkpoint = readCheckpoint(checkpointFile(path), [group]);
  try {
    const { state } = checkpoint;
    const weights = checkpoint.group(group);
    if (weights.size === 0) {
      throw new Error(`${checkpoint.path}: holds the averaged weights only; take those, or last${SUFFIX}`);
    }
    const model = restoreModel(checkpoint.path, state, weights);
    const { names, spec, config, epoch } = state;
    return { model: model.eval(), names, spec, config, epoch, state, path: checkpoint.path };
  } finally {
    checkpoint.dispose();
  }
}

/** Whether `loadCheckpoint` can take this path: false for bare weights, ONNX files and paths that do not exist. */
export function isCheckpoint(path: string): boolean {
  if (!existsSync(path)) return false;
  if (statSync(path).isDirectory()) return existsSync(join(path, "weights"));
  const file = path.replace(/\.json$/, SUFFIX);
  return file.endsWith(SUFFIX) && existsSync(file) && isFormat(readSafetensorsHeader(file).metadata["format"]);
}

/**
 * The safetensors file that a path stands for.
 * @throws ConfigError when there is none
 */
export function checkpointFile(path: string): string {
  const candidates =
    existsSync(path) && statSync(path).isDirectory()
      ? ["best", "last"].map((name) => join(path, "weights", name + SUFFIX))
      : [path.replace(/\.json$/, SUFFIX)];
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  throw new ConfigError(`${path}: no checkpoint here (looked for ${candidates.join(", ")})`);
}
