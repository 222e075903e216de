// Batch normalisation over [B, H, W] with running statistics. The buffers keep PyTorch's names, by which checkpoints
// know them.
import { batch_norm, ones, zeros } from "../operators.generated.js";
import type { Tensor } from "../tensor.js";
import { buffer, Module, parameter } from "./module.js";
import { checkWholeNumber } from "./whole-number.js";
import { placement } from "./shapes-only.js";

export class BatchNorm2d extends Module {
  weight: Tensor;
  bias: Tensor;
  running_mean: Tensor;
  running_var: Tensor;
  /** An integer; whoever reads it sees every batch counted. */
  declare num_batches_tracked: Tensor;
  readonly eps: number;
  readonly momentum: number;
  #batches: Tensor;
  /** Not yet in the tensor: a model has hundreds of these counters, and nobody reads them between two steps. */
  #uncounted = 0;

  constructor(channels: number, { eps = 1e-5, momentum = 0.1 }: { eps?: number; momentum?: number } = {}) {
    super();
    checkWholeNumber("BatchNorm2d: channels", channels, 1);
    this.eps = eps;
    this.momentum = momentum;
    this.weight = parameter(ones([channels], placement()));
    this.bias = parameter(zeros([channels], placement()));
    this.running_mean = buffer(zeros([channels], placement()));
    this.running_var = buffer(ones([channels], placement()));
    this.#batches = buffer(zeros([], { dtype: "int64", ...placement() }));
    // A property of the object itself, as those are by which a module finds its tensors.
    Object.defineProperty(this, "num_batches_tracked", {
      enumerable: true,
      get: () => this.#counted(),
      set: (counter: Tensor) => {
        this.#batches = counter;
        this.#uncounted = 0;
      },
    });
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

  /** Counts batches whose statistics went into the running ones. */
  countBatch(count = 1): void {
    if (!statisticsFrozen) this.#uncounted += count;
  }

  #counted(): Tensor {
    if (this.#uncounted !== 0) this.#batches.add_(this.#uncounted).dispose();
    this.#uncounted = 0;
    return this.#batches;
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
