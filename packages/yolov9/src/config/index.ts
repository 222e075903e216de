/** The configuration of every command, how it is read, and how it is shown. */
// Schemas
export { TrainConfig, LEARNING_RATE_SCHEDULES } from "./train-config.js";
export { ValConfig, SPLITS } from "./val-config.js";
export { ExportConfig } from "./export-config.js";
export { DetectConfig } from "./detect-config.js";
export { DownloadConfig } from "./download-config.js";
export { ImportConfig } from "./import-config.js";
export { PreviewConfig } from "./preview-config.js";
export { AugmentConfig, defaultAugment } from "./augmentation-fields.js";
export { InfoConfig } from "./info-config.js";
export { EvaluateConfig } from "./evaluate-config.js";
export { CompareConfig } from "./compare-config.js";
export { DataCheckConfig } from "./data-check-config.js";
export { DataConvertConfig } from "./data-convert-config.js";
export { DataSplitConfig } from "./data-split-config.js";
// Reading
export { addConfigOptions } from "./options.js";
export { ConfigError, givenKeys, parseConfig, resolveConfig, UsageError } from "./resolve.js";
export type { ConfigSources } from "./resolve.js";
export { createExportConfig, createTrainConfig, createValConfig } from "./create-config.js";
// Showing
export { configFields, flagOf } from "./fields.js";
export type { ConfigField, ConfigSchema, FieldKind } from "./fields.js";
export { configTable } from "./markdown.js";
