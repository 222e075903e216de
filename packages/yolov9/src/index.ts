/**
 * The package `yolov9`: train, validate, export and detect from TypeScript. What the command line does is all here as functions;
 * the stages follow the order in which data flows.
 */

// Configuration
export {
  ConfigError,
  createExportConfig,
  createTrainConfig,
  createValConfig,
  UsageError,
  DetectConfig,
  ExportConfig,
  TrainConfig,
  ValConfig,
  parseConfig,
  resolveConfig,
} from "./config/index.js";
export type { ConfigSources } from "./config/index.js";

// Data sets
export {
  AugmentConfig,
  DatasetError,
  defaultAugment,
  Loader,
  openDataset,
  problemText,
  Replay,
  writePreview,
} from "./data/index.js";
export type {
  Batch,
  Dataset,
  LoaderOptions,
  Problem,
  ReplayOptions,
  Sample,
  SplitName,
  TrainingImage,
} from "./data/index.js";
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
  variantNames,
  withAuxiliary,
  withoutAuxiliary,
} from "./model/index.js";
export type { AuxiliaryOptions, BuildOptions, ModelOutputs, ModelProfile, ModelSpec } from "./model/index.js";

// Charts
export { ordinaryTop } from "./plots/ordinary-top.js";

// Descriptions of models for people
export { allModelSizes, drawModel, paperTables, rowTree } from "./describe/index.js";

// Own blocks for model files, and ONNX translations of operators that the export does not know
export { Conv, FeatureBlock, registerBlock, RepConv } from "./model/index.js";
export type { Activation, BlockContext, Feature, FeatureDefinition } from "./model/index.js";
export { registerOnnxTranslation } from "./export/index.js";

// Loss
export {
  assignDensely,
  denseTargets,
  DetectionLoss,
  flatPredictions,
  headLoss,
  lossOfModel,
  TaskAlignedAssigner,
} from "./loss/index.js";
export type {
  AuxiliaryWeight,
  DetectionLossOptions,
  DetectionOutputs,
  FlatPredictions,
  Foreground,
  LossGains,
  LossItems,
  LossResult,
  Targets,
} from "./loss/index.js";

// Training
export {
  ExponentialMovingAverage,
  openTrainingStep,
  loadCheckpoint,
  NonFiniteLossError,
  silentProgress,
  train,
  transferWeights,
} from "./train/index.js";
export type {
  BatchFigures,
  EpochResult,
  LoadedCheckpoint,
  ProgressReporter,
  StepReport,
  TrainHooks,
  TrainingBatch,
  TrainingStep,
  TrainResult,
} from "./train/index.js";

// Weights of every kind
export {
  importWeights,
  loadBareWeights,
  openStartWeights,
  openTrainedModel,
  readModelFile,
  readTorchFile,
  TorchFileError,
  writeModelFile,
  writeOfficialDeployFile,
  writeOfficialFile,
} from "./weights/index.js";
export type { ImportedWeights, ImportOptions, ModelFileFacts, OpenedModel, TorchFile } from "./weights/index.js";

// Published files of weights
export { DownloadError, downloadWeights, PUBLISHED_FILES } from "./download/index.js";
export type { DownloadedFile, DownloadOptions, PublishedFile } from "./download/index.js";

// Validation
export {
  analyse,
  AugmentedPredictor,
  cocoResults,
  openPredictor,
  OnnxPredictor,
  resultTable,
  TorchPredictor,
  validate,
  validateModel,
  writeValidationFolder,
} from "./validate/index.js";
export type {
  ClassResult,
  CocoResultRow,
  PredictionInput,
  Predictions,
  Predictor,
  ValidateOptions,
  Validation,
  ValidationAnalysis,
  ValidationResult,
} from "./validate/index.js";

// Evaluation of COCO files (for parsed ones, in the browser too, see @yolov9/vision)
export { CocoFileError, evaluateFiles } from "./evaluate/index.js";
export type { FileEvaluation } from "./evaluate/index.js";

// Export
export { deployed, ExportError, exportModel, OnnxGraph, toOnnx, verifyExport } from "./export/index.js";
export type {
  ExportedModel,
  ExportVerification,
  FileAgreement,
  OnnxOptions,
  OnnxTranslation,
  OperatorCall,
  OutputDifference,
  MeasuredFiles,
} from "./export/index.js";

// Validation and export as the commands do them
export { exportWeights, validateWeights } from "./program/index.js";
export type { WeightsExport, WeightsValidation } from "./program/index.js";

// Detection on picture files (for pictures in memory and in the browser, see @yolov9/runtime)
export { detectPictures, drawDetections, expandSources, labelText, PictureDetector } from "./detect/index.js";
export type { DetectedBox, DetectedImage, DetectionOutcome, DetectOptions } from "./detect/index.js";
