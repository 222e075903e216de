/**
 * Exponential moving average of a model's weights and batch-norm statistics, in float32. What is validated and deployed is the average,
 * not the weights of the last step. Integer buffers (batch counters) are not averaged.
 */
import { follow } from "@yolov9/torch";
import type { AverageUpdate, Module, Tensor } from "@yolov9/torch";

export interface EmaOptions {
  /** Decay after many updates, D. */
  readonly decay: number;
  /** Updates in which the decay rises to 63 % of that; when left out, it rises faster at first, so that short runs are averaged too. */
  readonly tau?: number | undefined;
}

/** Of the published recipe. */
const DEFAULT_TAU = 2000;

export class ExponentialMovingAverage<M extends Module> {
  /** A model of its own that holds the average. */
  readonly model: M;
  /** Updates so far, that is steps of the optimiser. */
  updates = 0;
  readonly #options: EmaOptions;
  /** By the source's tensors. */
  readonly #averages: ReadonlyMap<Tensor, Tensor>;

  /**
   * @param source the model that is trained
   * @param average another model of the same architecture, on the same device; becomes a copy of the source
   */
  constructor(source: M, average: M, options: EmaOptions) {
    this.model = average;
    this.#options = options;
    average.loadStateDict(source.stateDict());
    for (const [, parameter] of average.parameters()) parameter.requiresGrad = false;
    average.eval();
    const state = average.stateDict();
    const pairs = [...source.stateDict()].flatMap(([path, tensor]): [Tensor, Tensor][] =>
      tensor.dtype === "float32" ? [[tensor, state.get(path)!]] : [],
    );
    this.#averages = new Map(pairs);
  }

  /**
   * Decay of update n: small at first, so that the random start is soon forgotten. With `tau` it is D · (1 − e^(−n / tau)), as published.
   * That hardly averages at all in a run of a few hundred steps; without `tau`, it is at least (1 + n) / (10 + n), which averages
   * over about the last ninth of the steps so far, up to D.
   */
  decayAt(update: number): number {
    const { decay, tau } = this.#options;
    const published = decay * (1 - Math.exp(-update / (tau ?? DEFAULT_TAU)));
    return tau === undefined ? Math.min(decay, Math.max(published, (1 + update) / (10 + update))) : published;
  }

  /** Counts an update, and says what it is for an optimiser that does it in its own pass (`SGD.step`). */
  nextUpdate(): AverageUpdate {
    this.updates++;
    return { decay: this.decayAt(this.updates), averages: this.#averages };
  }

  /** average ← d · average + (1 - d) · source, for every tensor at once. */
  update(): void {
    follow(this.nextUpdate());
  }
}
