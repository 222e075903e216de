/** The training loss: targets and raw model output in, one scalar with a gradient out. */
export { DEFAULT_GAINS, DetectionLoss, lossItems, lossOfModel, LossResult } from "./detection-loss.js";
export type {
  AuxiliaryWeight,
  DetectionLossOptions,
  DetectionOutputs,
  LossGains,
  LossItems,
} from "./detection-loss.js";
export { assignDensely } from "./dense-assignment.js";
export type { Foreground } from "./foreground.js";
export { headLoss } from "./head-loss.js";
export { flatPredictions } from "./predictions.js";
export type { FlatPredictions } from "./predictions.js";
export { DENSE_COLUMNS, denseRows, denseTargets, roomForObjects } from "./dense-targets.js";
export { TaskAlignedAssigner } from "./task-aligned-assigner.js";
export type { Assignment, AssignerOptions, ImageObjects, ImagePredictions } from "./task-aligned-assigner.js";
export { AnchorGrid } from "./anchor-grid.js";
export { ciou, positiveCiou } from "./ciou.js";
export { objectsOfImages } from "./targets.js";
export type { Targets } from "./targets.js";
