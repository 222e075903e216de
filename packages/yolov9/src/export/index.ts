/** Export: a trained model as an ONNX file that is known to compute the same. */
export { calibrationImages } from "./calibration-images.js";
export type { CalibrationImage } from "./calibrate.js";
export { deployed, exportModel, type ExportedModel, type ExportOptions, type Int8Options } from "./export-model.js";
export type { FileAgreement } from "./file-agreement.js";
export { DEFAULT_INPUT_SIZE, toOnnx, type OnnxOptions } from "./to-onnx.js";
export {
  TOLERANCE,
  verifyExport,
  withinTolerance,
  type ExportVerification,
  type OutputDifference,
} from "./verify-export.js";
export { ExportError } from "./export-error.js";
export { registerOnnxTranslation, type OnnxTranslation } from "./operators/translations.js";
export type { OperatorCall } from "./operators/operator-call.js";
export type { GraphSuppression } from "./suppress-boxes.js";
export { precisionTable, verificationTable, type MeasuredFiles } from "./verification-table.js";
export { OnnxGraph, OPSETS, type Attribute, type Value } from "./onnx-graph.js";
