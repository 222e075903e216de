/** Validation: predictors, the run over a split, and its figures. */
export { validate, validateModel, evaluationLoader, squareInput, VALIDATION_SUPPRESSION } from "./validate.js";
export type { ValidateOptions, Validation } from "./validate.js";
export type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";
export { TorchPredictor, type TorchPredictorOptions } from "./torch-predictor.js";
export { OnnxPredictor } from "./onnx-predictor.js";
export { openPredictor, type OpenPredictorOptions } from "./open-predictor.js";
export { DetectionCollector, type SuppressionOptions } from "./detection-collector.js";
export { cocoResults, type CocoResultRow } from "./coco-results.js";
export { resultSummary, resultTable, type ClassResult, type ValidationResult } from "./result.js";
