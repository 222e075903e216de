/**
 * Random numbers that depend on named integers alone, such as (seed, epoch, index): whoever draws them, in whatever order and on
 * whatever thread, draws the same. The generator is sfc32 (Doty-Humphrey's "small fast counting", 128 bits of state).
 */

/** Rounds after seeding until every bit of the key has reached every bit of the state. */
const WARM_UP = 20;

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param key integers; those beyond 32 bits and those after the third are folded in */
  constructor(...key: number[]) {
    this.#a = 0x9e3779b9;
    this.#b = 0x243f6a88;
    this.#c = 0xb7e15162;
    for (const part of key) {
      this.#a ^= part | 0;
      this.#b ^= Math.floor(part / 0x1_0000_0000) | 0;
      for (let i = 0; i < WARM_UP; i++) this.#bits();
    }
  }

  #bits(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + result) | 0;
    return result;
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return (this.#bits() >>> 0) / 0x1_0000_0000;
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform integer in [0, count). */
  integer(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Normally distributed with mean 0 and variance 1 (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** Shuffle in place (Fisher and Yates). */
  shuffle<Item>(items: { [index: number]: Item; readonly length: number }): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = items[i]!;
      items[i] = items[j]!;
      items[j] = held;
    }
  }

  /** Beta(n, n) for whole n: the middle one of 2n - 1 sorted uniform numbers is so distributed. */
  symmetricBeta(n: number): number {
    return Float64Array.from({ length: 2 * n - 1 }, () => this.next()).sort()[n - 1]!;
  }
}

/** The order in which an epoch visits `count` samples. */
export function shuffledOrder(count: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  new Random(seed, epoch, -1).shuffle(order);
  return order;
}
