/** What the commands do, as functions for programs: each takes one checked configuration. Training is so by itself (`train`). */
export { exportWeights, type WeightsExport } from "./export-weights.js";
export { noteProblems, openSplit, type Note } from "./open-split.js";
export { validateWeights, type WeightsValidation } from "./validate-weights.js";
