/**
 * The course of learning rates, momentum and gradient accumulation over a run. Pure functions of iteration and epoch, so a resumed run
 * needs no state of a scheduler.
 */
import type { TrainConfig } from "../config/index.js";

/** What the optimiser uses at one iteration. */
export interface StepSettings {
  readonly biasLr: number;
  /** Learning rate of all other parameters. */
  readonly lr: number;
  readonly momentum: number;
  /** Batches whose gradients are summed before the weights change. */
  readonly accumulate: number;
}

/** A configuration in which what depends on the data is decided. */
export type SettledConfig = TrainConfig & { readonly nominalBatch: number };

/** The published one, and what it may shrink to in short runs. */
const LARGEST_NOMINAL_BATCH = 64;
const SMALLEST_NOMINAL_BATCH = 16;
/** Of the optimiser, below which a run counts as short. */
const FEWEST_STEPS = 1000;

/**
 * Decides how many images make a step. The published 64 are for runs of hundreds of thousands of steps; forty epochs of two hundred
 * images would end after 130. Such runs make smaller steps, 1,000 of them where 16 images a step allow it.
 */
export function settle(config: TrainConfig, trainingImages: number): SettledConfig {
  const enough = Math.round((config.epochs * trainingImages) / FEWEST_STEPS);
  const smallest = Math.max(config.batch, SMALLEST_NOMINAL_BATCH);
  return {
    ...config,
    nominalBatch: config.nominalBatch ?? Math.min(LARGEST_NOMINAL_BATCH, Math.max(smallest, enough)),
  };
}

type ScheduleConfig = Pick<
  SettledConfig,
  | "epochs"
  | "batch"
  | "lr0"
  | "lrf"
  | "schedule"
  | "momentum"
  | "nominalBatch"
  | "warmupEpochs"
  | "warmupMinIterations"
  | "warmupMomentum"
  | "warmupBiasLr"
>;

/**
 * Learning rate of an epoch as a fraction of lr0.
 * @param epoch 0 … epochs - 1
 */
export function learningRateFactor(epoch: number, { epochs, lrf, schedule }: ScheduleConfig): number {
  switch (schedule) {
    case "linear":
      return (1 - epoch / epochs) * (1 - lrf) + lrf;
    case "cosine":
      return halfCosine(epoch / epochs, lrf);
    case "flat-cosine": {
      const flat = Math.floor(epochs / 2);
      return epoch <= flat ? 1 : halfCosine((epoch - flat) / flat, lrf);
    }
    case "fixed":
      return 1;
  }
}

/** From 1 at progress 0 to `last` at progress 1, along half a cosine. */
function halfCosine(progress: number, last: number): number {
  return 1 + ((last - 1) * (1 - Math.cos(Math.PI * progress))) / 2;
}

/**
 * Iterations of warm-up: `warmupEpochs` epochs, but no fewer than `warmupMinIterations`. A data set of few batches therefore spends many
 * epochs in warm-up, as in the published recipe; a run that is shorter than its warm-up never leaves it (see `warmupNotice`).
 */
export function warmupIterations(batchesPerEpoch: number, config: ScheduleConfig): number {
  return Math.max(Math.round(config.warmupEpochs * batchesPerEpoch), config.warmupMinIterations);
}

/** A sentence for runs that spend more than half of their iterations in warm-up; undefined for all others. */
export function warmupNotice(batchesPerEpoch: number, config: ScheduleConfig): string | undefined {
  const warmup = warmupIterations(batchesPerEpoch, config);
  const total = config.epochs * batchesPerEpoch;
  if (2 * warmup <= total) return undefined;
  return `warm-up takes ${warmup} of ${total} iterations; --warmup-min-iterations and --warmup-epochs shorten it`;
}

/**
 * The settings of an iteration. While warm-up lasts, the biases' learning rate falls from `warmupBiasLr` and the others' rises from 0 to
 * the epoch's, momentum rises, and accumulation grows from one batch to the nominal batch.
 * @param iteration number of batches seen before, over all epochs
 */
export function stepSettings(
  iteration: number,
  epoch: number,
  batchesPerEpoch: number,
  config: ScheduleConfig,
): StepSettings {
  const { batch, lr0, momentum, nominalBatch, warmupMomentum, warmupBiasLr } = config;
  const lr = lr0 * learningRateFactor(epoch, config);
  const warmup = warmupIterations(batchesPerEpoch, config);
  if (iteration > warmup) return { biasLr: lr, lr, momentum, accumulate: accumulation(nominalBatch / batch) };
  const progress = warmup === 0 ? 1 : iteration / warmup;
  const between = (from: number, to: number) => from + (to - from) * progress;
  return {
    biasLr: between(warmupBiasLr, lr),
    lr: between(0, lr),
    momentum: between(warmupMomentum, momentum),
    accumulate: accumulation(between(1, nominalBatch / batch)),
  };
}

/** At least one batch. Halves round to even, as in the published code, so that both step at the same iterations. */
function accumulation(batches: number): number {
  const floor = Math.floor(batches);
  const half = batches - floor;
  const rounded = half < 0.5 || (half === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return Math.max(rounded, 1);
}
