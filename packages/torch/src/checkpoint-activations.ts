// Activation checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): memory for time. Of a part of
// the model only the inputs are kept; backward computes the part once more to get what autograd needs of it. On the CPU only.
import { enableGrad, leaf } from "./autograd.js";
import { customFunction } from "./custom-function.js";
import { withFrozenStatistics } from "./nn/batch-norm2d.js";
import type { Tensor } from "./tensor.js";

/**
 * Runs a function with outputs and gradients as without this, but keeps none of its activations. Batch norms update their
 * statistics the first time only. `backward` runs once.
 * @param body computes new tensors from the inputs and from parameters, the same whenever it is called. Outputs share no
 * activations but the inputs: backward goes through each output on its own.
 */
export function checkpointActivations(inputs: readonly Tensor[], body: (...inputs: Tensor[]) => Tensor[]): Tensor[] {
  const wanted = inputs.map(({ requiresGrad }) => requiresGrad);
  return customFunction({
    inputs,
    forward: () => ({ outputs: body(...inputs), saved: inputs }),
    backward: (saved, gradients) => {
      const starts = saved.map((input, i) => (wanted[i] === true ? leaf(input) : input));
      const outputs = enableGrad(() => withFrozenStatistics(() => body(...starts)));
      outputs.forEach((output, i) => {
        if (gradients[i] !== undefined) output.backward(gradients[i]);
      });
      return starts.map((start, i) => (wanted[i] === true ? start.grad : undefined));
    },
  });
}
