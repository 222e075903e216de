// Batch normalisation over [B, H, W] with running statistics. The buffers keep PyTorch's names, by which checkpoints
// know them.
import { batch_norm, ones, zeros } from "../operators.generated.js";
import type { Tensor } from "../tensor.js";
import { buffer, Module, parameter } from "./module.js";
import { placement } from "./shapes-only.js";

export class BatchNorm2d extends Module {
  weight: Tensor;
  bias: Tensor;
  running_mean: Tensor;
  running_var: Tensor;
  num_batches_tracked: Tensor;
  readonly eps: number;
  readonly momentum: number;

  constructor(channels: number, { eps = 1e-5, momentum = 0.1 }: { eps?: number; momentum?: number } = {}) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.weight = parameter(ones([channels], placement()));
    this.bias = parameter(zeros([channels], placement()));
    this.running_mean = buffer(zeros([channels], placement()));
    this.running_var = buffer(ones([channels], placement()));
    this.num_batches_tracked = buffer(zeros([], { dtype: "int64", ...placement() }));
  }

  /** @param input [B, C, H, W] */
  forward(input: Tensor): Tensor {
    if (this.training) this.countBatch();
    const { weight, bias, running_mean, running_var, training, currentMomentum, eps } = this;
    return batch_norm(input, weight, bias, running_mean, running_var, training, currentMomentum, eps, false);
  }

  /** The share of a batch in the running statistics; nothing while they are frozen. */
  get currentMomentum(): number {
    return statisticsFrozen ? 0 : this.momentum;
  }

  countBatch(): void {
    if (!statisticsFrozen) this.num_batches_tracked.add_(1).dispose();
  }
}

let statisticsFrozen = false;

/**
 * Runs a function in which no batch norm updates its running statistics, though each still normalises by its batch while
 * training: for computing again what was computed before.
 */
export function withFrozenStatistics<T>(body: () => T): T {
  const before = statisticsFrozen;
  statisticsFrozen = true;
  try {
    return body();
  } finally {
    statisticsFrozen = before;
  }
}
