// Models: what a model file says, the module tree made from it, published names, the deploy form, and its size.

// model files
export { loadModelSpec, parseModelSpec, parseStoredSpec } from "./file/spec-file.js";
export { modelNames, variantNames } from "./file/zoo.js";
export { withoutAuxiliary, type ModelSpec, type Row, type SectionName } from "./spec.js";
export { withAuxiliary } from "./auxiliary/with-auxiliary.js";
export type { AuxiliaryOptions, BackboneBranch, NeckBranch } from "./auxiliary/options.js";
export { GUIDANCES, type Guidance } from "./guidance.js";
export { planModel, sourceRow, type ModelPlan, type PlannedHead, type PlannedRow } from "./plan.js";

// blocks
export * from "./blocks/registry.js";
export type { Activation } from "./activation.js";
export { Conv } from "./blocks/conv.js";
export { RepConv } from "./blocks/rep-conv.js";
export { Dark, RepBottleneck, Res } from "./blocks/bottleneck.js";
export { RepCSP } from "./blocks/rep-csp.js";
export { GELAN, GelanStage } from "./blocks/gelan.js";
export { ELAN1 } from "./blocks/elan1.js";
export { MaxPool } from "./blocks/max-pool.js";
export { Repeat } from "./blocks/repeat.js";
export { SPPCSPC } from "./blocks/sppcspc.js";
export { SPPELAN } from "./blocks/sppelan.js";
export { AConv, ADown } from "./blocks/downsample.js";
export { Concat, Upsample } from "./blocks/routing.js";
export { DepthwiseConv } from "./blocks/depthwise-conv.js";
export { ReversibleColumn, ReversibleColumns } from "./blocks/reversible-columns.js";
export { CBFuse, CBLinear } from "./blocks/composite-backbone.js";
export { Branch, DetectionHead } from "./blocks/detect.js";

// running models
export { buildModel, DetectionModel, type BuildOptions, type ModelOutputs, type Step } from "./detection-model.js";
export { detachAuxiliary, fuse } from "./deploy.js";
export { unfused } from "./unfuse.js";
export { settleNorms } from "./settle-norms.js";
export { profile, type ModelProfile, type RowProfile } from "./profile.js";

// weights
export { loadOfficialStateDict, officialStateDict, publishedIndices, StateDictMismatch } from "./official-names.js";
export { restoreModel } from "./restore-model.js";
