/**
 * Bare weights into a model: a safetensors file of tensors with published names and a model file that says what they belong to.
 * Class count, heads and form (fused or not) are read from the tensors themselves, class names from the metadata where they are.
 */
import { loadSafetensors } from "@yolov9/torch";
import { loadModelSpec, type DetectionModel } from "../model/index.js";
import { namesInMetadata } from "./official-file.js";
import { recogniseModel } from "./recognise.js";
import { messageOf } from "../error-message.js";

/**
 * @param path of a safetensors file
 * @param model zoo name or path of a model file
 * @returns a model in evaluation mode, fused when the weights are
 * @throws Error naming the file when the weights do not fit the model
 */
export function loadBareWeights(path: string, model: string): DetectionModel {
  const { tensors, metadata } = loadSafetensors(path);
  try {
    const names = namesInMetadata(metadata);
    return recogniseModel(tensors, {
      spec: loadModelSpec(model),
      names: (classCount) => (names?.length === classCount ? names : undefined),
    }).model;
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`${path} as ${model}: ${reason}`, { cause: error });
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}
