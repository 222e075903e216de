/** Export: a trained model as an ONNX file that is known to compute the same. */
export { deployed, exportModel, type ExportedModel } from "./export-model.js";
export { DEFAULT_INPUT_SIZE, toOnnx, type OnnxOptions } from "./to-onnx.js";
export {
  TOLERANCE,
  verifyExport,
  withinTolerance,
  type ExportVerification,
  type OutputDifference,
} from "./verify-export.js";
export { exportBlock, ExportError, registerBlockExporter, type BlockExporter } from "./block-exporters.js";
export { exportConv2d } from "./blocks.js";
export { verificationTable } from "./verification-table.js";
export { OnnxGraph, OPSETS, type Attribute, type Value } from "./onnx-graph.js";
