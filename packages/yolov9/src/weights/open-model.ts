/**
 * Opens trained weights as a model on the CPU: a run folder (its best checkpoint), a checkpoint, an imported model, or bare tensors with
 * published names together with the name of a model. ONNX files are not models but programs, and are opened elsewhere.
 */
import { existsSync, statSync } from "node:fs";
import type { DetectionModel } from "../model/index.js";
import { isCheckpoint, loadCheckpoint } from "../train/checkpoint.js";
import { loadBareWeights } from "./load-weights.js";
import { isModelFile, readModelFile } from "./model-file.js";

export interface OpenedModel {
  /** In evaluation mode; the caller disposes of it. */
  readonly model: DetectionModel;
  /** Side of the square input that it was trained with, in pixels, where that is known. */
  readonly imageSize: number | undefined;
  /** The file that was read in the end. */
  readonly path: string;
}

/**
 * @param weights path of a run folder or a file
 * @param model zoo name or model file; for bare tensors only, a checkpoint knows its own
 * @throws Error naming the file and what to do
 */
export function openTrainedModel(weights: string, model: string | undefined): OpenedModel {
  if (!existsSync(weights)) throw new Error(`${weights}: no such file or folder`);
  if (isCheckpoint(weights)) {
    const { model: trained, config, path } = loadCheckpoint(weights);
    return { model: trained, imageSize: config.imgsz, path };
  }
  if (isModelFile(weights)) {
    const { model: read, imageSize } = readModelFile(weights);
    return { model: read, imageSize, path: weights };
  }
  if (statSync(weights).isDirectory())
    throw new Error(`${weights}: not the folder of a run (it has no weights/ in it)`);
  if (/\.pth?$/i.test(weights)) {
    throw new Error(`${weights}: a PyTorch checkpoint; make it a model first: yolov9 import ${weights}`);
  }
  if (!weights.endsWith(".safetensors")) {
    throw new Error(
      `${weights}: weights are a run folder, a .safetensors checkpoint, safetensors of weights, or .onnx`,
    );
  }
  if (model === undefined) throw new Error(`${weights}: bare weights; say what model they belong to with --model`);
  return { model: loadBareWeights(weights, model), imageSize: undefined, path: weights };
}
