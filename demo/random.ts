// Reproducible random numbers for the scenes: the same seed gives the same scenes on every machine. Not for training,
// whose generators are libtorch's and the data loader's.

const GOLDEN_GAMMA = 0x9e3779b9;

/** splitmix32: a 32-bit counter, scrambled. Small, fast, and good enough to place digits. */
export class Random {
  #state: number;

  /** @param seed several numbers name one generator, e.g. the data set's seed, the split and the scene's index */
  constructor(...seed: number[]) {
    this.#state = 0;
    for (const part of seed) this.#state = scramble((this.#state + GOLDEN_GAMMA) ^ Math.imul(part + 1, GOLDEN_GAMMA));
  }

  /** A number in [low, high). */
  uniform(low: number, high: number): number {
    this.#state = (this.#state + GOLDEN_GAMMA) | 0;
    return low + ((high - low) * scramble(this.#state)) / 2 ** 32;
  }

  /** A number in a range written as a pair. */
  within([low, high]: readonly [low: number, high: number]): number {
    return this.uniform(low, high);
  }

  /** A number in [low, high) whose logarithm is uniform: as many small ones as large ones. */
  logUniform(low: number, high: number): number {
    return Math.exp(this.uniform(Math.log(low), Math.log(high)));
  }

  /** A whole number from low to high, both included. */
  integer(low: number, high: number): number {
    return Math.floor(this.uniform(low, high + 1));
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(0, choices.length - 1)];
    if (choice === undefined) throw new RangeError("nothing to pick from");
    return choice;
  }
}

/** The finaliser of splitmix32, as an unsigned 32-bit number. */
function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
