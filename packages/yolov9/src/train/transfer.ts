/**
 * Starting from other weights: every tensor whose name and shape agree is copied, all others keep their fresh values. That is how a
 * trained model serves as the start for other classes.
 */
import { loadSafetensors, noGrad, scope } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { officialStateDict } from "../model/index.js";
import type { DetectionModel } from "../model/index.js";
import { isModelFile } from "../weights/model-file.js";
import { checkpointFile, isCheckpoint, readCheckpoint } from "./checkpoint.js";

export interface Transfer {
  /** Tensors that were copied, and those that the model has. */
  readonly taken: number;
  readonly total: number;
}

/**
 * @param path a checkpoint of this program (its average is taken), an imported model, or a safetensors file with published names
 * @throws Error when not a single tensor fits
 */
export function transferWeights(model: DetectionModel, path: string): Transfer {
  const transfer = isCheckpoint(path)
    ? fromCheckpoint(model, path)
    : fromFile(model, path, isModelFile(path) ? "own" : "published");
  if (transfer.taken === 0)
    throw new Error(`${path}: no tensor fits ${model.spec.name}; these weights belong to another model`);
  return transfer;
}

function fromCheckpoint(model: DetectionModel, path: string): Transfer {
  const checkpoint = readCheckpoint(checkpointFile(path));
  try {
    return copyFitting(checkpoint.group("ema/"), model.stateDict());
  } finally {
    checkpoint.dispose();
  }
}

function fromFile(model: DetectionModel, path: string, names: "own" | "published"): Transfer {
  const { tensors } = loadSafetensors(path);
  try {
    // The published names cover fixed tensors too, which are made for the occasion.
    return scope(() => copyFitting(tensors, names === "own" ? model.stateDict() : officialStateDict(model)));
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

function copyFitting(from: ReadonlyMap<string, Tensor>, to: ReadonlyMap<string, Tensor>): Transfer {
  let taken = 0;
  noGrad(() => {
    for (const [name, target] of to) {
      const source = from.get(name);
      if (source?.shape.join() !== target.shape.join()) continue;
      target.copy_(source).dispose();
      taken++;
    }
  });
  return { taken, total: to.size };
}
