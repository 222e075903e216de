/**
 * Bare weights into a model: a safetensors file of tensors with published names and a model file that says what they belong to.
 * Class count, width of the class branches and form (fused or not) are read from the tensors themselves. Checkpoints of a training
 * run carry their model and are read by `train/`.
 */
import { loadSafetensors, type Tensor } from "@yolov9/torch";
import {
  buildModel,
  fuse,
  loadModelSpec,
  loadOfficialStateDict,
  officialStateDict,
  type DetectionModel,
  type ModelSpec,
} from "../model/index.js";

/** The last convolution of a list of branches, at the finest level. */
const CLASS_BRANCH = /^(model\.\d+\.cv(\d+))\.0\.2\.weight$/;

/**
 * @param path of a safetensors file
 * @param model zoo name or path of a model file
 * @returns a model in evaluation mode, fused when the weights are
 * @throws Error naming the file when the weights do not fit the model
 */
export function loadBareWeights(path: string, model: string): DetectionModel {
  const { tensors } = loadSafetensors(path);
  try {
    return modelOfWeights(tensors, model);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} as ${model}: ${reason}`, { cause: error });
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

function modelOfWeights(tensors: ReadonlyMap<string, Tensor>, model: string): DetectionModel {
  const built = buildFor(tensors, loadModelSpec(model));
  try {
    const isFused = ![...tensors.keys()].some((key) => key.includes(".bn."));
    if (isFused) fuse(built);
    loadOfficialStateDict(built, tensors);
    return built.eval();
  } catch (error) {
    built.dispose();
    throw error;
  }
}

/** The published T weights have narrower class branches than the rule of their heads gives; the tensors decide. */
function buildFor(tensors: ReadonlyMap<string, Tensor>, spec: ModelSpec): DetectionModel {
  const { classCount, classWidth, widthKey } = leadClassBranch(tensors);
  const built = buildModel(spec, { classCount });
  if (officialStateDict(built).get(widthKey)?.shape[0] === classWidth) return built;
  built.dispose();
  return buildModel(spec, { classCount, classWidth });
}

interface ClassBranch {
  readonly classCount: number;
  readonly classWidth: number;
  /** Name of the tensor that has the width. */
  readonly widthKey: string;
}

/** Every second branch list of a head (cv3, cv5 …) is one of classes; the last one is the lead head's. */
function leadClassBranch(tensors: ReadonlyMap<string, Tensor>): ClassBranch {
  const branches = [...tensors.keys()].flatMap((key) => {
    const [, prefix, list] = CLASS_BRANCH.exec(key) ?? [];
    return prefix === undefined || Number(list) % 2 === 0 ? [] : [{ prefix, list: Number(list) }];
  });
  const [lead] = branches.sort((a, b) => b.list - a.list);
  const widthKey = `${lead?.prefix ?? ""}.0.0.conv.weight`;
  const classWidth = tensors.get(widthKey)?.shape[0];
  const classCount = tensors.get(`${lead?.prefix ?? ""}.0.2.weight`)?.shape[0];
  if (classCount === undefined || classWidth === undefined) {
    throw new Error("no class branches found (model.<n>.cv3.0.2.weight): these are no weights with published names");
  }
  return { classCount, classWidth, widthKey };
}
