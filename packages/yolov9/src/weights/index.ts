/** Trained weights of every kind as models. */
export { openTrainedModel, type OpenedModel } from "./open-model.js";
export { openStartWeights, type StartOptions, type StartWeights } from "./start-weights.js";
export { loadBareWeights } from "./load-weights.js";
export { importWeights, type ImportedWeights, type ImportOptions } from "./import-weights.js";
export { readTorchFile, TorchFileError, type TorchFile } from "./pytorch/index.js";
export { isModelFile, readModelFile, writeModelFile, type ModelFileFacts } from "./model-file.js";
export { writeOfficialDeployFile, writeOfficialFile } from "./official-file.js";
