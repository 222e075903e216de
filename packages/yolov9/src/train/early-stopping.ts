/** When to stop: no better fitness for `patience` epochs. Also the definition of fitness, by which the best checkpoint is chosen. */

const AP50_SHARE = 0.1;
const AP_SHARE = 0.9;

/** One number for the quality of a detector: 0.1 · mAP50 + 0.9 · mAP50-95. */
export function fitness({ AP50, AP }: { readonly AP50: number; readonly AP: number }): number {
  return AP50_SHARE * AP50 + AP_SHARE * AP;
}

export class EarlyStopping {
  /** Fitness and epoch of the best validation so far; equal counts as better. */
  best = { fitness: 0, epoch: 0 };
  /** The epoch from which patience counts: where a run was resumed to be trained on. */
  from = 0;
  readonly #patience: number;

  /** @param patience 0 never stops */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** @returns whether this epoch is the best so far */
  record(epoch: number, value: number): boolean {
    if (value < this.best.fitness) return false;
    this.best = { fitness: value, epoch };
    return true;
  }

  shouldStop(epoch: number): boolean {
    return this.#patience > 0 && epoch - Math.max(this.best.epoch, this.from) >= this.#patience;
  }
}
