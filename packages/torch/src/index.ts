// @yolov9/torch: libtorch for Node — tensors, operators, autograd, modules, optimisers and safetensors.

// tensors and their lifetimes
export { Tensor, tensor, tensorFromBytes, type NestedNumbers, type TensorOptions } from "./tensor.js";
export { bytesPerElement, type DType, type MemoryFormat, type TypedArray } from "./dtype.js";
export { Scope, scope } from "./scope.js";

// operators
export * from "./operators.generated.js";
export { callOperator } from "./dispatch.js";
export { Recording, type OperatorCall } from "./recording.js";

// autograd
export { enableGrad, isGradEnabled, leaf, noGrad } from "./autograd.js";
export { customFunction, type CustomFunction } from "./custom-function.js";
export { checkpointActivations } from "./checkpoint-activations.js";

// libtorch as a whole
export {
  capabilities,
  generatorState,
  getNumThreads,
  manualSeed,
  memory,
  profile,
  resolveDevice,
  setGeneratorState,
  setNumThreads,
} from "./runtime.js";
export { emptyCache, allocatorStatistics, resetPeakMemory } from "./allocator.js";
export type { AllocatorStatistics, Capabilities, MemoryStatistics, OperatorTime } from "./native.js";

export { CudaGraph } from "./cuda-graph.js";

export { cpuMultipliesBfloat16, resolvePrecision, type Precision } from "./precision.js";

// modules and optimisers
export { buffer, Module, parameter } from "./nn/module.js";
export { shapesOnly } from "./nn/shapes-only.js";
export { Conv2d, type Conv2dOptions } from "./nn/conv2d.js";
export { BatchNorm2d, withFrozenStatistics } from "./nn/batch-norm2d.js";
export { activate, type Activation } from "./nn/activation.js";
export { batchNormActivation, type NormalisedInput } from "./nn/batch-norm-activation.js";
export { concatFeatures, enlarge, fanOut, smooth, unitImages } from "./nn/features.js";
export { decodeLevels, flattenLevels, type HeadChannels } from "./nn/levels.js";
export { Plan, recordPlan } from "./plan/plan.js";
export { boxLossSums, crossEntropySum, hasLossKernels, type LearningAnchors } from "./nn/losses.js";
export { usesOwnKernels, withPlainKernels } from "./nn/plain-kernels.js";
export { SGD, type ParameterGroup, type StepOptions } from "./optim/sgd.js";
export { follow, type AverageUpdate } from "./optim/moving-average.js";

// files
export { DamagedFileError } from "./checksums.js";
export { WriteError } from "./whole-file.js";
export { loadSafetensors, readSafetensorsHeader, saveSafetensors, type SafetensorsFile } from "./safetensors.js";
