/**
 * A model's weights under the published names and in the published order, as a safetensors file: what other programs of this family load
 * (`load_state_dict` in Python). Class names go into the metadata.
 */
import { saveSafetensors, scope } from "@yolov9/torch";
import { z } from "zod";
import { detachAuxiliary, officialStateDict, type DetectionModel } from "../model/index.js";

const NAMES_KEY = "names";

/** @returns the number of tensors written */
export function writeOfficialFile(path: string, model: DetectionModel): number {
  return scope(() => {
    const tensors = officialStateDict(model);
    saveSafetensors(path, tensors, { [NAMES_KEY]: JSON.stringify(model.names), model: model.spec.name });
    return tensors.size;
  });
}

/** The same without the auxiliary branch: the layout of the published deploy files. */
export function writeOfficialDeployFile(path: string, model: DetectionModel): number {
  const deploy = detachAuxiliary(model);
  try {
    return writeOfficialFile(path, deploy);
  } finally {
    deploy.dispose();
  }
}

/** Class names that a file's metadata has as a JSON list; undefined where it has none. */
export function namesInMetadata(metadata: Readonly<Record<string, string>>): string[] | undefined {
  const text = metadata[NAMES_KEY];
  if (text === undefined) return undefined;
  try {
    return z.array(z.string()).min(1).safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
