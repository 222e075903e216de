/** Trained weights of every kind as models. */
export { openTrainedModel, type OpenedModel } from "./open-model.js";
export { loadBareWeights } from "./load-weights.js";
