/**
 * Starting from other weights: every tensor whose name and shape agree is copied, all others keep their fresh values. That is how a
 * trained model serves as the start for other classes.
 */
import { noGrad } from "@yolov9/torch";
import type { DetectionModel } from "../model/index.js";
import type { StartWeights } from "../weights/start-weights.js";

export interface Transfer {
  /** Tensors that were copied, and those that the model has. */
  readonly taken: number;
  readonly total: number;
  /** Why the others were not: `class predictions of 80 classes, not 3`. */
  readonly reasons: readonly string[];
}

/** @throws Error when not a single tensor fits */
export function transferWeights(model: DetectionModel, start: StartWeights): Transfer {
  const target = model.stateDict();
  const left: Misfit[] = [];
  noGrad(() => {
    for (const [name, tensor] of target) {
      const given = start.tensors.get(name);
      if (given?.shape.join() === tensor.shape.join()) tensor.copy_(given).dispose();
      else left.push({ name, own: tensor.shape, given: given?.shape });
    }
  });
  const taken = target.size - left.length;
  if (taken === 0) {
    const { path } = start;
    throw new Error(`${path}: no tensor fits ${model.spec.name}; these weights are ${belonging(model, start)}`);
  }
  return { taken, total: target.size, reasons: reasonsOf(left, model, start) };
}

/** One sentence for the log: what was taken, and why not the rest. A warning where that is less than half. */
export function transferText({ taken, total, reasons }: Transfer, model: DetectionModel, start: StartWeights): string {
  const counts = `${taken} of ${total} tensors from ${start.path}`;
  const rest = reasons.length === 0 ? "" : `; what starts afresh: ${reasons.join("; ")}`;
  if (2 * taken >= total) return `took ${counts}${rest}`;
  return `warning: took only ${counts}; these weights are ${belonging(model, start)}${rest}`;
}

/** Whose the weights are, and what would fit them. */
function belonging(model: DetectionModel, { spec, fused }: StartWeights): string {
  const form = fused ? " (fused)" : "";
  if (spec === undefined) return `of no model of the zoo, nor of ${model.spec.name}${form}`;
  return `of ${spec.name}${form}, which is trained where --model is left out`;
}

interface Misfit {
  readonly name: string;
  readonly own: readonly number[];
  readonly given: readonly number[] | undefined;
}

/** One for each kind of tensors that do not fit, with the first of them. */
function reasonsOf(misfits: readonly Misfit[], model: DetectionModel, start: StartWeights): string[] {
  const reasons = new Map<string, string>();
  for (const misfit of misfits) {
    const [kind, reason] = reasonOf(misfit, model, start);
    if (!reasons.has(kind)) reasons.set(kind, reason);
  }
  return [...reasons.values()];
}

function reasonOf(
  { name, own, given }: Misfit,
  { classCount }: DetectionModel,
  { spec, fused }: StartWeights,
): [kind: string, reason: string] {
  if (name.startsWith("auxiliary.") && spec?.auxiliary.length === 0) {
    return ["auxiliary", "the auxiliary branch, which they do not have"];
  }
  if (/\.classes\.\d+\.predict\./.test(name) && spec !== undefined && spec.classCount !== classCount) {
    return ["classes", `class predictions (${spec.classCount} classes there, ${classCount} here)`];
  }
  if (/\bnorm\./.test(name) && spec === undefined && fused) {
    return ["norms", "batch norms, which are folded into the convolutions there"];
  }
  const shapes = given === undefined ? "is missing" : `is [${given.join(", ")}], not [${own.join(", ")}]`;
  const part = name.startsWith("head.") ? "other heads" : given === undefined ? "other rows" : "another size";
  return [part, `${part} (${name} ${shapes})`];
}
