/** Training, and the checkpoints that it leaves. */
// Training
export { train } from "./trainer.js";
export { dryRun } from "./dry-run.js";
export { NonFiniteLossError } from "./train-hooks.js";
export type { StepReport, TrainHooks, TrainResult } from "./train-hooks.js";
export { Progress, silentProgress } from "./progress.js";
export type { ProgressReporter, StepProgress } from "./progress.js";
// Checkpoints
export { checkpointFile, isCheckpoint, loadCheckpoint, runConfigOf } from "./checkpoint.js";
export type { CheckpointState, LoadedCheckpoint } from "./checkpoint.js";
export { transferWeights } from "./transfer.js";
// Parts
export { learningRateFactor, stepSettings, warmupIterations } from "./schedule.js";
export { openTrainingStep } from "./open-training-step.js";
export type { BatchFigures, Trained, TrainingBatch, TrainingStep } from "./training-step.js";
export { ExponentialMovingAverage } from "./ema.js";
export { applySettings, parameterGroups } from "./parameter-groups.js";
export type { ParameterGroups } from "./parameter-groups.js";
// Results
export { resultsCsv } from "./results.js";
export type { EpochResult } from "./results.js";
export { comparisonSvg, curvesSvg } from "./plots.js";
export { comparisonTable, readRun, summarise, type ComparedRun, type RunSummary } from "./compare-runs.js";
