/** Evaluation of COCO files, without a model. */
export { CocoFileError, readDetections, readGroundTruth, type CocoGroundTruth } from "./coco-files.js";
export { evaluateFiles, evaluationJson, evaluationText, type FileEvaluation } from "./evaluate-files.js";
