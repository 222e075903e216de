/**
 * A model for given weights: whatever their names (published or our own), their form (fused or not, with or without auxiliary branch),
 * their number of classes and the width of their class branches, all read from the tensors themselves.
 */
import type { Tensor } from "@yolov9/torch";
import { classWidth } from "./blocks/detect.js";
import { fuse } from "./deploy.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { loadOfficialStateDict } from "./official-names.js";
import { planModel } from "./plan.js";
import { withoutAuxiliary, type ModelSpec } from "./spec.js";

/** What the names and shapes of weights tell. */
export interface WeightsTraits {
  readonly names: "published" | "own";
  readonly fused: boolean;
  readonly hasAuxiliary: boolean;
  readonly classCount: number;
  /** Hidden width of the lead head's class branches. */
  readonly classWidth: number;
}

/**
 * @param spec the architecture; its auxiliary section is dropped where the weights have none
 * @param weights names → tensors, copied
 * @returns a model in evaluation mode
 * @throws Error with the list of what does not fit
 */
export function modelFromWeights(
  spec: ModelSpec,
  weights: ReadonlyMap<string, Tensor>,
  { names }: { names?: readonly string[] | undefined } = {},
): DetectionModel {
  const traits = traitsOf(weights);
  const { classCount } = traits;
  const used = traits.hasAuxiliary ? spec : withoutAuxiliary(spec);
  const finest = planModel(spec).lead.inputs[0]!.channels;
  const unusual = traits.classWidth !== classWidth(finest, classCount);
  const model = buildModel(used, { classCount, names, ...(unusual ? { classWidth: traits.classWidth } : {}) });
  try {
    if (traits.fused) fuse(model);
    if (traits.names === "published") loadOfficialStateDict(model, weights);
    else model.loadStateDict(weights);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model.eval();
}

/** @throws Error when the names are of neither kind or no class branch is found */
export function traitsOf(weights: ReadonlyMap<string, Tensor>): WeightsTraits {
  const keys = [...weights.keys()];
  const fused = !keys.some((key) => key.endsWith(".running_mean"));
  const own = keys.find((key) => /^head\.[^.]+\.classes\.0\.predict\.weight$/.test(key));
  if (own !== undefined) {
    return {
      names: "own",
      fused,
      hasAuxiliary: keys.some((key) => key.startsWith("auxiliary.")),
      classCount: outputsOf(weights, own),
      classWidth: outputsOf(weights, own.replace("predict.weight", "first.conv.weight")),
    };
  }
  const { prefix, heads } = publishedLeadBranch(keys);
  return {
    names: "published",
    fused,
    hasAuxiliary: heads > 1,
    classCount: outputsOf(weights, `${prefix}.2.weight`),
    classWidth: outputsOf(weights, `${prefix}.0.conv.weight`),
  };
}

/** Output channels of a convolution. */
function outputsOf(weights: ReadonlyMap<string, Tensor>, key: string): number {
  const tensor = weights.get(key);
  if (tensor === undefined)
    throw new Error(`the weights have no "${key}", which tells the number or width of the classes`);
  return tensor.shape[0]!;
}

/**
 * The class branch of the lead head at the finest level: the last odd-numbered one of the last layer. Even numbers are box branches.
 */
function publishedLeadBranch(keys: readonly string[]): { prefix: string; heads: number } {
  const branches = keys.flatMap((key) => {
    const match = /^model\.(\d+)\.cv(\d+)\.0\.2\.weight$/.exec(key);
    return match === null ? [] : [{ layer: Number(match[1]), branch: Number(match[2]) }];
  });
  const last = Math.max(...branches.map(({ layer }) => layer));
  const classes = branches.filter(({ layer, branch }) => layer === last && branch % 2 === 1);
  if (classes.length === 0) {
    const example = keys[0] ?? "none at all";
    throw new Error(`the weights have neither published names (model.0.conv.weight …) nor ours, but ${example}`);
  }
  const lead = Math.max(...classes.map(({ branch }) => branch));
  return { prefix: `model.${last}.cv${lead}.0`, heads: classes.length };
}
