/** From a trained model to a checked ONNX file: detach the auxiliary branch, fuse, write, compare. */
import { detachAuxiliary, fuse } from "../model/deploy.js";
import type { DetectionModel } from "../model/detection-model.js";
import { ExportError } from "./block-exporters.js";
import { DEFAULT_INPUT_SIZE, toOnnx, type OnnxOptions } from "./to-onnx.js";
import {
  TOLERANCE,
  verifyExport,
  withinTolerance,
  type ExportVerification,
  type OutputDifference,
} from "./verify-export.js";

export interface ExportedModel {
  /** The bytes of the `.onnx` file. */
  file: Uint8Array;
  verification: ExportVerification;
}

/**
 * @param model on the CPU, in float32; left as it is
 * @throws ExportError when the file computes something else than the model
 */
export async function exportModel(model: DetectionModel, options: OnnxOptions = {}): Promise<ExportedModel> {
  const { height = DEFAULT_INPUT_SIZE, width = DEFAULT_INPUT_SIZE, batch = 1 } = options;
  const deploy = deployed(model);
  try {
    const file = toOnnx(deploy, { ...options, height, width });
    const verification = await verifyExport(model, deploy, file, { batch, height, width });
    refuse("dropping the auxiliary branch changed the model", verification.detaching);
    refuse("fusing changed the model", verification.fusing);
    refuse("ONNX Runtime disagrees with libtorch", verification.runtime);
    return { file, verification };
  } finally {
    deploy.dispose();
  }
}

/** A detached and fused copy. */
export function deployed(model: DetectionModel): DetectionModel {
  const deploy = detachAuxiliary(model);
  return deploy.fused ? deploy : fuse(deploy);
}

function refuse(what: string, difference: OutputDifference): void {
  if (withinTolerance(difference)) return;
  throw new ExportError(
    `${what}: boxes differ by up to ${difference.box.toPrecision(3)} px, scores by up to ` +
      `${difference.score.toPrecision(3)}; allowed are ${TOLERANCE.box} px and ${TOLERANCE.score}`,
  );
}
