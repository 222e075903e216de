/**
 * From a trained model to a checked ONNX file: detach the auxiliary branch, fuse, write, compare. A file of lower precision or with
 * suppression inside is made from the same graph as the float32 file that was checked.
 */
import { detachAuxiliary, fuse } from "../model/deploy.js";
import type { DetectionModel } from "../model/detection-model.js";
import { calibrate, keepSome, type CalibrationImage } from "./calibrate.js";
import { ExportError } from "./export-error.js";
import { fileAgreement, type FileAgreement } from "./file-agreement.js";
import { encodeModel, type ModelProto } from "./onnx-schema.js";
import { measuredTensors, quantisationPlan } from "./quantisation-plan.js";
import { quantiseModel, type QuantisationOptions } from "./quantise-model.js";
import { DEFAULT_INPUT_SIZE, toOnnxModel, type OnnxOptions } from "./to-onnx.js";
import {
  TOLERANCE,
  verifyExport,
  withinTolerance,
  type ExportVerification,
  type OutputDifference,
} from "./verify-export.js";

/** How a model is brought to 8-bit integers. */
export interface Int8Options extends QuantisationOptions {
  /** Letterboxed to the size of the export. Every image is looked at once. */
  calibration: AsyncIterable<CalibrationImage>;
}

export interface ExportOptions extends OnnxOptions {
  /** Quantises weights and features to 8 bits; `precision` must be float32. */
  int8?: Int8Options | undefined;
}

export interface ExportedModel {
  /** The bytes of the `.onnx` file. */
  file: Uint8Array;
  /** The file in float32 and without suppression, that was compared with libtorch; `file` itself where nothing else was wanted. */
  reference: Uint8Array;
  verification: ExportVerification;
  /** What is detected in lower precision of what `reference` detects, where that was wanted; before suppression in the graph. */
  reduction?: FileAgreement;
}

/**
 * @param model on the CPU, in float32; left as it is
 * @throws ExportError when the float32 file computes something else than the model, or one of lower precision no finite numbers
 */
export async function exportModel(model: DetectionModel, options: ExportOptions = {}): Promise<ExportedModel> {
  const { height = DEFAULT_INPUT_SIZE, width = DEFAULT_INPUT_SIZE, batch = 1 } = options;
  const { suppression, precision = "float32", int8 } = options;
  const size = { batch, height, width };
  const deploy = deployed(model);
  try {
    const plain: OnnxOptions = {
      ...options,
      ...size,
      date: options.date ?? new Date(),
      precision: "float32",
      suppression: undefined,
    };
    const reference = encodeModel(toOnnxModel(deploy, plain));
    const verification = await verifyExport(model, deploy, reference, size);
    refuse("dropping the auxiliary branch changed the model", verification.detaching);
    refuse("fusing changed the model", verification.fusing);
    refuse("ONNX Runtime disagrees with libtorch", verification.runtime);

    const { reduce, images } = int8 === undefined ? UNREDUCED : await quantiser(deploy, size, int8);
    const write = (more: OnnxOptions): Uint8Array =>
      encodeModel(reduce(toOnnxModel(deploy, { ...plain, precision, ...more })));
    const isReduced = precision !== "float32" || int8 !== undefined;
    const unsuppressed = isReduced ? write({}) : reference;
    const file = suppression === undefined ? unsuppressed : write({ suppression });
    if (!isReduced) return { file, reference, verification };
    const reduction = await fileAgreement(reference, unsuppressed, images, size);
    if (!Number.isFinite(reduction.box + reduction.score)) {
      throw new ExportError(`in ${int8 === undefined ? precision : "int8"} the model computes no finite numbers`);
    }
    return { file, reference, verification, reduction };
  } finally {
    deploy.dispose();
  }
}

/** A detached and fused copy. */
export function deployed(model: DetectionModel): DetectionModel {
  const deploy = detachAuxiliary(model);
  return deploy.fused ? deploy : fuse(deploy);
}

/** How any graph of a model, with or without suppression, is brought to integers, and some of the images that was learnt from. */
interface Reducer {
  reduce: (written: ModelProto) => ModelProto;
  images: readonly CalibrationImage[];
}

const UNREDUCED: Reducer = { reduce: (written) => written, images: [] };

/** Looks at the calibration images. */
async function quantiser(
  deploy: DetectionModel,
  { height, width }: { height: number; width: number },
  { calibration, ...options }: Int8Options,
): Promise<Reducer> {
  const measured = toOnnxModel(deploy, { height, width });
  const images: CalibrationImage[] = [];
  const wanted = measuredTensors(quantisationPlan(measured.graph));
  const ranges = await calibrate(measured, wanted, keepSome(calibration, images));
  return { reduce: (written) => quantiseModel(written, quantisationPlan(written.graph), ranges, options), images };
}

function refuse(what: string, difference: OutputDifference): void {
  if (withinTolerance(difference)) return;
  throw new ExportError(
    `${what}: boxes differ by up to ${difference.box.toPrecision(3)} px, scores by up to ` +
      `${difference.score.toPrecision(3)}; allowed are ${TOLERANCE.box} px and ${TOLERANCE.score}`,
  );
}
