/** A model that a file stores, from its spec and its tensors. The file may be damaged or hostile: nothing is allocated before all fits. */
import { shapesOnly, type Tensor } from "@yolov9/torch";
import { messageOf } from "../error-message.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { fuse } from "./deploy.js";
import type { ModelSpec } from "./spec.js";

export interface StoredModel {
  readonly spec: ModelSpec;
  readonly names: readonly string[];
  /** Whether the tensors are those of a fused model. Default false. */
  readonly fused?: boolean;
}

/**
 * @param path of the file, for messages
 * @param tensors by their own names, copied
 * @throws Error naming the file and what does not fit
 */
export function restoreModel(path: string, stored: StoredModel, tensors: ReadonlyMap<string, Tensor>): DetectionModel {
  const fill = (): DetectionModel => {
    const model = buildModel(stored.spec, { names: stored.names });
    if (stored.fused === true) fuse(model);
    model.loadStateDict(tensors);
    return model;
  };
  try {
    // The spec alone could ask for gigabytes. Without values the same costs nothing and finds all that does not fit.
    shapesOnly(fill).dispose();
    return fill();
  } catch (error) {
    if (error instanceof TypeError) throw error;
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
