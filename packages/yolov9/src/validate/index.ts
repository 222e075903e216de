/** Validation: predictors, the run over a split, and its figures. */
export { validate, validateModel, evaluationLoader, squareInput, VALIDATION_SUPPRESSION } from "./validate.js";
export type { ValidateOptions, Validation } from "./validate.js";
export type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";
export { TorchPredictor, type TorchPredictorOptions } from "./torch-predictor.js";
export { OnnxPredictor } from "./onnx-predictor.js";
export { openPredictor, type OpenPredictorOptions } from "./open-predictor.js";
export { DetectionCollector } from "./detection-collector.js";
export { suppressionNote, type SuppressionOptions } from "./image-detections.js";
export { cocoResults, type CocoResultRow } from "./coco-results.js";
export { resultSummary, resultTable, type ClassResult, type ValidationResult } from "./result.js";
export { analyse, analysisSummary, type MarkedImage, type SizeFigures, type ValidationAnalysis } from "./analysis.js";
export { AugmentedPredictor } from "./augmented-predictor.js";
export { SingleClassPredictor } from "./single-class-predictor.js";
export { categoryIdsOf, COCO_CATEGORY_IDS } from "./coco-categories.js";
export { validationJson, writeValidationFolder } from "./validation-folder.js";
export { validationPlots, type Plot } from "./validation-plots.js";
export { validationReport, type ReportContent } from "./validation-report.js";
