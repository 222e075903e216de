/**
 * How the cores are shared between the threads that make images and those that train on them, chosen from times measured in the run
 * itself. Making an image costs one core L seconds, training on it takes S: L / S cores are busy with making images.
 */

export interface CoreSplit {
  /** Threads of the loader. */
  readonly workers: number;
  /** Threads of libtorch. */
  readonly threads: number;
}

/** Loader threads beyond those that are busy: images differ in their cost, and a step must not wait for one. */
const WORKER_RESERVE = 1.5;

/**
 * @param makingMs milliseconds to make an image on one thread, L
 * @param trainingMs milliseconds to train on one, S
 */
export function splitCores(cores: number, makingMs: number, trainingMs: number): CoreSplit {
  const busy = makingMs / trainingMs;
  const between = (count: number) => Math.min(Math.max(count, 1), cores);
  // A core that is only partly busy is worth more with libtorch on it too.
  return { workers: between(Math.ceil(WORKER_RESERVE * busy)), threads: between(cores - Math.floor(busy)) };
}

/** Batches within which a run measures at the latest; where an epoch has fewer, they are all of the first. */
const MOST_MEASURED_BATCHES = 100;

/** Gathers times of batches and tells the split once. */
export class CoreSplitMeter {
  readonly #cores: number;
  readonly #batches: number;
  readonly #times: { making: number; training: number; images: number }[] = [];

  /** @param batchesPerEpoch the first epoch is over after so many */
  constructor(cores: number, batchesPerEpoch: number) {
    this.#cores = cores;
    this.#batches = Math.min(batchesPerEpoch, MOST_MEASURED_BATCHES);
  }

  /**
   * Takes the times of one batch in milliseconds.
   * @returns the split and the times an image that it is chosen by, once enough was measured; undefined before and afterwards
   */
  record(making: number, training: number, images: number): (CoreSplit & MeanTimes) | undefined {
    if (this.#times.length >= this.#batches) return undefined;
    this.#times.push({ making, training, images });
    if (this.#times.length < this.#batches) return undefined;
    // At first pictures are decoded that later come from memory, and libtorch prepares its kernels.
    const settled = this.#times.slice(Math.floor(this.#batches / 2));
    const sum = (of: "making" | "training" | "images") => settled.reduce((total, times) => total + times[of], 0);
    const means = { makingMs: sum("making") / sum("images"), trainingMs: sum("training") / sum("images") };
    return { ...means, ...splitCores(this.#cores, means.makingMs, means.trainingMs) };
  }
}

interface MeanTimes {
  readonly makingMs: number;
  readonly trainingMs: number;
}
