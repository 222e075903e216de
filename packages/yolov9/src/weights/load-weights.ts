/**
 * Bare weights into a model: a safetensors file of tensors with published names and a model file that says what they belong to.
 * Class count, width of the class branches and form (fused or not) are read from the tensors themselves. Checkpoints of a training
 * run carry their model and are read by `train/`.
 */
import { loadSafetensors, type Tensor } from "@yolov9/torch";
import { buildModel, fuse, loadModelSpec, loadOfficialStateDict, type DetectionModel } from "../model/index.js";

/** The last convolution of a class branch (of the finest level) and the first one: their outputs are classes and hidden width. */
const CLASS_BRANCH = /^model\.\d+\.cv(\d+)\.0\.(0\.conv|2)\.weight$/;

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
  const { classCount, classWidth } = classBranchShape(tensors);
  const built = buildModel(loadModelSpec(model), { classCount, classWidth });
  const isFused = ![...tensors.keys()].some((key) => key.includes(".bn."));
  if (isFused) fuse(built);
  loadOfficialStateDict(built, tensors);
  return built.eval();
}

/** Every second branch list of a head (cv3, cv5 …) is one of classes; the last one is the lead head's. */
function classBranchShape(tensors: ReadonlyMap<string, Tensor>): { classCount: number; classWidth: number } {
  const lists = [...tensors.keys()]
    .flatMap((key) => Number(CLASS_BRANCH.exec(key)?.[1] ?? NaN))
    .filter((n) => n % 2 === 1);
  const lead = Math.max(...lists);
  const outputs = (layer: string): number | undefined => {
    const key = [...tensors.keys()].find(
      (name) => name.endsWith(`.cv${lead}.0.${layer}.weight`) && CLASS_BRANCH.test(name),
    );
    return key === undefined ? undefined : tensors.get(key)?.shape[0];
  };
  const classCount = outputs("2");
  const classWidth = outputs("0.conv");
  if (classCount === undefined || classWidth === undefined) {
    throw new Error("no class branches found (model.<n>.cv3.0.2.weight): these are no weights with published names");
  }
  return { classCount, classWidth };
}
