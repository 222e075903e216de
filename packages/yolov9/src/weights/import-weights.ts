/**
 * Weights that other programs wrote, as a model: a PyTorch checkpoint (which is never executed) or safetensors with published names. It
 * recognises the model, or says what does not fit, and tells what it found. Writing the model to a file is `model-file.ts`.
 */
import { extname } from "node:path";
import { loadSafetensors, type Tensor } from "@yolov9/torch";
import { activationSchema, type Activation } from "../model/activation.js";
import { loadModelSpec, type DetectionModel } from "../model/index.js";
import { BATCH_NORM } from "../model/blocks/conv.js";
import { namesInMetadata } from "./official-file.js";
import type { PublishedTraits } from "./published-traits.js";
import { readTorchFile, type TorchFile } from "./pytorch/index.js";
import { recogniseModel } from "./recognise.js";
import { messageOf } from "../error-message.js";

export interface ImportOptions {
  /** Zoo name or model file. Default: recognised. */
  readonly model?: string | undefined;
  /** Class names. Default: those in the file, else numbers. */
  readonly names?: readonly string[] | undefined;
}

export interface ImportedWeights {
  /** In evaluation mode; the caller disposes of it. */
  readonly model: DetectionModel;
  readonly traits: PublishedTraits;
  /** The part of a checkpoint that was taken: "ema", "model" …, or "" where the file is the weights. */
  readonly part: string;
  /** Element type of the convolutions' weights in the file. */
  readonly precision: string;
  /** Where the class names came from. */
  readonly namesFrom: "given" | "file" | "numbers";
  readonly imageSize: number | undefined;
}

interface ForeignWeights extends Pick<TorchFile, "tensors" | "part" | "names" | "imageSize"> {
  readonly activation: Activation | undefined;
}

const TORCH_EXTENSIONS = [".pt", ".pth"];

/** @throws Error naming the file when it cannot be read, is no known model, or the names do not fit */
export async function importWeights(path: string, options: ImportOptions = {}): Promise<ImportedWeights> {
  const foreign = await readForeign(path);
  try {
    return imported(foreign, options);
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`${path}: ${reason}`, { cause: error });
  } finally {
    for (const tensor of foreign.tensors.values()) tensor.dispose();
  }
}

async function readForeign(path: string): Promise<ForeignWeights> {
  const extension = extname(path).toLowerCase();
  if (TORCH_EXTENSIONS.includes(extension)) {
    const file = await readTorchFile(path);
    return { ...file, activation: soleActivation(file, path) };
  }
  if (extension !== ".safetensors") throw new Error(`${path}: weights to import are .pt, .pth or .safetensors files`);
  const { tensors, metadata } = loadSafetensors(path);
  return { tensors, part: "", names: namesInMetadata(metadata), imageSize: undefined, activation: undefined };
}

function imported({ tensors, activation, ...foreign }: ForeignWeights, options: ImportOptions): ImportedWeights {
  const spec = options.model === undefined ? undefined : loadModelSpec(options.model);
  const precision = precisionOf(tensors);
  let namesFrom: ImportedWeights["namesFrom"] = "numbers";
  const names = (classCount: number): readonly string[] | undefined => {
    if (options.names !== undefined && options.names.length !== classCount) {
      throw new Error(`${options.names.length} class names were given, but the weights have ${classCount} classes`);
    }
    const fitting = options.names ?? (foreign.names?.length === classCount ? foreign.names : undefined);
    if (fitting !== undefined) namesFrom = options.names === undefined ? "file" : "given";
    return fitting;
  };
  const { model, traits } = recogniseModel(tensors, { spec, activation, names });
  const { part, imageSize } = foreign;
  return { model, traits, part, precision, namesFrom, imageSize };
}

function precisionOf(tensors: ReadonlyMap<string, Tensor>): string {
  const found = [...tensors].find(([key]) => key.endsWith("conv.weight"));
  return found?.[1].dtype ?? "unknown";
}

/**
 * The activation that the pickled modules have, where modules were pickled.
 * @throws Error for activations and batch norms that the models here cannot have
 */
function soleActivation({ activations, normEpsilons }: TorchFile, path: string): Activation | undefined {
  const [epsilon = BATCH_NORM.eps, ...otherEpsilons] = normEpsilons;
  if (epsilon !== BATCH_NORM.eps || otherEpsilons.length > 0) {
    throw new Error(`${path}: its batch norms have epsilon ${[...normEpsilons].join(", ")}, not ${BATCH_NORM.eps}`);
  }
  const [name, ...others] = activations;
  if (name === undefined) return undefined;
  const activation = activationSchema.safeParse(name.toLowerCase());
  if (others.length > 0 || !activation.success) {
    throw new Error(`${path}: its activations are ${[...activations].join(", ")}; known is one of SiLU and ReLU`);
  }
  return activation.data;
}
