/**
 * The package `yolov9`: train, validate, export and detect from TypeScript. What the command line does is all here as functions;
 * the stages follow the order in which data flows.
 */

// Configuration
export {
  ConfigError,
  DetectConfig,
  ExportConfig,
  TrainConfig,
  ValConfig,
  parseConfig,
  resolveConfig,
} from "./config/index.js";
export type { ConfigSources } from "./config/index.js";

// Data sets
export { DatasetError, defaultAugment, Loader, openDataset, problemText } from "./data/index.js";
export type { AugmentConfig, Batch, Dataset, LoaderOptions, Problem, Sample, SplitName } from "./data/index.js";
export { convertDataset, parseSelection, splitDataset, writeDataset } from "./data/index.js";
export type { Conversion, ConvertOptions, DealtDataset, OpenOptions, SplitOptions } from "./data/index.js";
export { checkDataset, checkReport, planRepairs, writeRepairs } from "./data/check/index.js";
export type { CheckOptions, CheckResult, FileRepair, Finding, Severity } from "./data/check/index.js";

// Models
export {
  buildModel,
  detachAuxiliary,
  DetectionModel,
  fuse,
  loadModelSpec,
  loadOfficialStateDict,
  modelNames,
  officialStateDict,
  parseModelSpec,
  profile,
} from "./model/index.js";
export type { BuildOptions, ModelOutputs, ModelProfile, ModelSpec } from "./model/index.js";

// Own blocks for model files
export { FeatureBlock, registerBlock } from "./model/index.js";
export type { BlockContext, Feature, FeatureDefinition } from "./model/index.js";

// Loss
export { DetectionLoss, TaskAlignedAssigner } from "./loss/index.js";
export type {
  DetectionLossOptions,
  DetectionOutputs,
  LossGains,
  LossItems,
  LossResult,
  Targets,
} from "./loss/index.js";

// Training
export {
  ExponentialMovingAverage,
  loadCheckpoint,
  NonFiniteLossError,
  silentProgress,
  train,
  transferWeights,
} from "./train/index.js";
export type {
  EpochResult,
  LoadedCheckpoint,
  ProgressReporter,
  StepReport,
  TrainHooks,
  TrainResult,
} from "./train/index.js";

// Weights of every kind
export { loadBareWeights, openTrainedModel } from "./weights/index.js";
export type { OpenedModel } from "./weights/index.js";

// Validation
export {
  cocoResults,
  openPredictor,
  OnnxPredictor,
  resultTable,
  TorchPredictor,
  validate,
  validateModel,
} from "./validate/index.js";
export type {
  ClassResult,
  CocoResultRow,
  PredictionInput,
  Predictions,
  Predictor,
  ValidateOptions,
  Validation,
  ValidationResult,
} from "./validate/index.js";

// Export
export { ExportError, exportModel, OnnxGraph, registerBlockExporter, toOnnx, verifyExport } from "./export/index.js";
export type {
  BlockExporter,
  ExportedModel,
  ExportVerification,
  OnnxOptions,
  OutputDifference,
} from "./export/index.js";

// Detection on picture files (for pictures in memory and in the browser, see @yolov9/runtime)
export { detectPictures, drawDetections, expandSources, labelText, PictureDetector } from "./detect/index.js";
export type { DetectedBox, DetectedImage, DetectionOutcome, DetectOptions } from "./detect/index.js";
