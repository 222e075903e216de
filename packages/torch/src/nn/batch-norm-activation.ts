// Batch normalisation (of one or two inputs, added) and activation in one fused operator with its own backward.
import { callOperator } from "../dispatch.js";
import type { Tensor } from "../tensor.js";
import { activate, activationCodes, type Activation } from "./activation.js";
import type { BatchNorm2d } from "./batch-norm2d.js";
import { usesOwnKernels } from "./plain-kernels.js";

/** A convolution's output and the normalisation that follows it. */
export interface NormalisedInput {
  /** [B, C, H, W] */
  input: Tensor;
  norm: BatchNorm2d;
}

/**
 * activation(norm₁(x₁) + norm₂(x₂)): what follows a convolution (one input) or RepConv's two branches. Statistics are
 * those of the batch in training, updating the running ones, and the running ones in evaluation.
 * @returns [B, C, H, W], in channels-last memory on a CPU
 */
export function batchNormActivation(
  first: NormalisedInput,
  second: NormalisedInput | undefined,
  activation: Activation,
): Tensor {
  const { norm } = first;
  if (!usesOwnKernels())
    return activate(second === undefined ? normalised(first) : normalised(first).add(normalised(second)), activation);
  for (const each of [norm, second?.norm]) if (each?.training === true) each.countBatch();
  return callOperator("yolov9::batch_norm_activation", "", [
    ...operands(first),
    ...(second === undefined ? [null, null, null, null, null] : operands(second)),
    norm.training,
    norm.currentMomentum,
    norm.eps,
    activationCodes[activation],
  ]) as Tensor;
}

function normalised({ input, norm }: NormalisedInput): Tensor {
  return norm.forward(input);
}

function operands({ input, norm }: NormalisedInput): Tensor[] {
  return [input, norm.weight, norm.bias, norm.running_mean, norm.running_var];
}
