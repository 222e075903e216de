/**
 * Weights that a training starts from: whatever a user names, as tensors of a model that can be trained. Names of published files are
 * fetched, PyTorch checkpoints are imported in memory, deployed models get batch norms again. What of them fits the model that is trained
 * is `train/transfer.ts`.
 */
import { existsSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { loadSafetensors, type Tensor } from "@yolov9/torch";
import { downloadWeights, nearestPublished, publishedName } from "../download/index.js";
import { messageOf } from "../error-message.js";
import {
  buildModel,
  DetectionHead,
  loadModelSpec,
  officialStateDict,
  unfused,
  type DetectionModel,
  type ModelSpec,
  type Row,
} from "../model/index.js";
import { importWeights, type ImportedWeights } from "./import-weights.js";
import { isModelFile } from "./model-file.js";
import { openTrainedModel } from "./open-model.js";
import { isCheckpoint } from "../train/checkpoint.js";

export interface StartWeights {
  /** Of the file, absolute. */
  readonly path: string;
  /** By the names that they have in a model, with the batch norms of one that can be trained. They live until `dispose`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What they belong to, with the widths of its heads written out so that another number of classes keeps them; undefined where no model takes them all. */
  readonly spec: ModelSpec | undefined;
  /** Whether batch norms were folded into the convolutions; those of `tensors` are then identities. */
  readonly fused: boolean;
  dispose(): void;
}

export interface StartOptions {
  /** Zoo name or model file that is trained, where the user says it: taken for tensors that no model of the zoo takes. */
  readonly model?: string | undefined;
  /** Told what was fetched and recognised. */
  readonly note?: (line: string) => void;
}

const TORCH_FILE = /\.pth?$/i;
const MEGABYTE = 1e6;

/**
 * @param weights a run folder, a checkpoint, an imported model, a `.pt` file, safetensors with published names, or the name of a published file
 * @throws Error naming the file and what to do
 */
export async function openStartWeights(weights: string, options: StartOptions = {}): Promise<StartWeights> {
  const { path, published } = await locate(weights, options);
  const extension = extname(path).toLowerCase();
  if (extension === ".onnx") {
    throw new Error(`${path}: an ONNX file cannot be trained; give the run or checkpoint that it was exported from`);
  }
  const isForeign =
    TORCH_FILE.test(path) || (extension === ".safetensors" && !isCheckpoint(path) && !isModelFile(path));
  if (!isForeign) return trainable(openTrainedModel(path, undefined).model, path);
  try {
    return await imported(path, published, options);
  } catch (error) {
    const hint =
      published === undefined ? "" : "; if the file is damaged, yolov9 download NAME --force fetches it again";
    throw new Error(messageOf(error) + hint, { cause: error });
  }
}

interface Located {
  readonly path: string;
  /** The model that a published file must turn out to be. */
  readonly published?: string;
}

/** A file or folder that exists, or else a published file, fetched unless the cache has it. */
async function locate(weights: string, { note }: StartOptions): Promise<Located> {
  if (existsSync(weights)) return { path: weights };
  const name = publishedName(weights);
  if (name === undefined) {
    const isName = basename(weights) === weights && (extname(weights) === "" || TORCH_FILE.test(weights));
    const hint = isName
      ? `, and no published file of this name${nearestPublished(weights.replace(TORCH_FILE, ""))}`
      : "";
    throw new Error(`${weights}: no such file or folder${hint}`);
  }
  let announced = false;
  const onProgress = (_: number, total: number): void => {
    if (!announced) note?.(`fetching ${name} (${Math.round(total / MEGABYTE)} MB)`);
    announced = true;
  };
  const { path, fetched, published } = await downloadWeights(name, { onProgress });
  note?.(fetched ? `fetched ${path}` : `weights from the cache: ${path}`);
  return { path, published: published.model };
}

async function imported(path: string, published: string | undefined, options: StartOptions): Promise<StartWeights> {
  const found = await recognised(path, published, options.model);
  if (found === undefined) return bare(path, options.model!);
  const { model, precision, part } = found;
  const origin = `${precision}${part === "" ? "" : ` in "${part}"`}`;
  const keep = TORCH_FILE.test(path) ? "; yolov9 import makes a model file of it" : "";
  options.note?.(`${path}: read as ${model.spec.name} with ${model.classCount} classes, ${origin}${keep}`);
  return trainable(model, path);
}

/** Undefined for safetensors that neither a model of the zoo nor the given one takes whole. */
async function recognised(
  path: string,
  published: string | undefined,
  model: string | undefined,
): Promise<ImportedWeights | undefined> {
  try {
    return await importWeights(path, { model: published });
  } catch (error) {
    if (model === undefined || published !== undefined) throw error;
    try {
      return await importWeights(path, { model });
    } catch {
      if (TORCH_FILE.test(path)) throw error;
      return undefined;
    }
  }
}

/** Takes the model over. */
function trainable(model: DetectionModel, path: string): StartWeights {
  const { fused } = model;
  const ready = fused ? unfused(model) : model;
  if (fused) model.dispose();
  return {
    path: resolve(path),
    tensors: ready.stateDict(),
    spec: withHeadWidths(ready),
    fused,
    dispose: () => ready.dispose(),
  };
}

/** Tensors with published names under the names that they would have in the given model. */
function bare(path: string, model: string): StartWeights {
  const { tensors } = loadSafetensors(path);
  const reference = buildModel(loadModelSpec(model));
  const published = officialStateDict(reference);
  const ownNames = new Map([...reference.stateDict()].map(([name, tensor]) => [tensor, name]));
  const known = [...published].flatMap(([name, tensor]): [string, Tensor][] => {
    const [own, given] = [ownNames.get(tensor), tensors.get(name)];
    return own === undefined || given === undefined ? [] : [[own, given]];
  });
  const fused = ![...tensors.keys()].some((name) => name.includes(".bn."));
  for (const [name, tensor] of published) if (!ownNames.has(tensor) && name.includes("dfl")) tensor.dispose();
  reference.dispose();
  const dispose = (): void => {
    for (const tensor of tensors.values()) tensor.dispose();
  };
  return { path: resolve(path), tensors: new Map(known), spec: undefined, fused, dispose };
}

/** The widths of class branches follow the number of classes unless they are written out. */
function withHeadWidths({ spec, steps }: DetectionModel): ModelSpec {
  const widths = new Map(
    steps.flatMap((step) => {
      const [branch] = step.kind === "head" && step.head instanceof DetectionHead ? step.head.classes : [];
      return branch === undefined ? [] : [[step.name, branch.predict.weight.shape[1]!]];
    }),
  );
  const wide = (row: Row): Row => {
    const classWidth = widths.get(row.name);
    return classWidth === undefined ? row : { ...row, classWidth };
  };
  return { ...spec, head: spec.head.map(wide), auxiliary: spec.auxiliary.map(wide) };
}
