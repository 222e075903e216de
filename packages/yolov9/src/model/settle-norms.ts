/**
 * Batch norms that get statistics of real images without changing what the model computes. After `unfused` they are identities, and
 * training, which normalises by the batch, would begin with other features than evaluation has.
 */
import { noGrad, scope, tensor, type BatchNorm2d, type Tensor } from "@yolov9/torch";
import { Conv } from "./blocks/conv.js";
import type { DetectionModel } from "./detection-model.js";

/** All but the channels of [B, C, H, W]. */
const PER_CHANNEL = [0, 2, 3];

/** Mean and variance of every channel over what was added. */
class Moments {
  #count = 0;
  #sums = new Float64Array(0);
  #squares = new Float64Array(0);

  /** @param features [B, C, H, W] */
  add(features: Tensor): void {
    scope(() => {
      const means = features.mean(PER_CHANNEL).toArray();
      const variances = features.var(PER_CHANNEL, false).toArray();
      if (this.#count === 0)
        [this.#sums, this.#squares] = [new Float64Array(means.length), new Float64Array(means.length)];
      const weight = features.numel / means.length;
      this.#count += weight;
      for (const [i, value] of means.entries()) {
        const mean = Number(value);
        this.#sums[i]! += weight * mean;
        this.#squares[i]! += weight * (Number(variances[i]) + mean * mean);
      }
    });
  }

  get(): { mean: Float64Array; variance: Float64Array } {
    const mean = this.#sums.map((sum) => sum / this.#count);
    const variance = this.#squares.map((sum, i) => Math.max(sum / this.#count - mean[i]! ** 2, 0));
    return { mean, variance };
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }
}

/**
 * Gives every batch norm the mean and variance of its input on these images, and the gain and shift with which the output in evaluation
 * mode stays what it is. Leaves the model in evaluation mode.
 * @param batches [B, 3, H, W] each, RGB in 0..1, where the model is; the caller disposes of them
 */
export function settleNorms(model: DetectionModel, batches: Iterable<Tensor>): void {
  const blocks = model.modules().flatMap(([, module]) => (module instanceof Conv ? [module] : []));
  const moments = new Map(blocks.map((block) => [block, new Moments()]));
  model.eval();
  try {
    for (const [{ conv }, measured] of moments) {
      const forward = conv.forward.bind(conv);
      conv.forward = (input, activation) => {
        const output = forward(input, activation);
        measured.add(output);
        return output;
      };
    }
    noGrad(() => {
      for (const batch of batches) scope(() => void model.forward(batch, { auxiliary: true }));
    });
  } finally {
    for (const { conv } of blocks) Reflect.deleteProperty(conv, "forward");
  }
  noGrad(() => {
    for (const [{ norm }, measured] of moments) if (norm !== undefined && !measured.isEmpty) settle(norm, measured);
  });
}

/** γ' = gain · √(var' + ε), β' = shift + gain · mean', where gain and shift are what the norm does to its input now. */
function settle(norm: BatchNorm2d, moments: Moments): void {
  const { mean, variance } = moments.get();
  const numbers = (values: Tensor): number[] => Array.from(values.toArray(), Number);
  const [weights, biases, means, variances] = [norm.weight, norm.bias, norm.running_mean, norm.running_var].map(
    numbers,
  );
  const gains = weights!.map((weight, i) => weight / Math.sqrt(variances![i]! + norm.eps));
  const write = (target: Tensor, value: (channel: number) => number): void =>
    scope(() => void target.copy_(tensor(Float32Array.from(gains, (_, channel) => value(channel)))));
  write(norm.weight, (i) => gains[i]! * Math.sqrt(variance[i]! + norm.eps));
  write(norm.bias, (i) => biases![i]! + gains[i]! * (mean[i]! - means![i]!));
  write(norm.running_mean, (i) => mean[i]!);
  write(norm.running_var, (i) => variance[i]!);
}
