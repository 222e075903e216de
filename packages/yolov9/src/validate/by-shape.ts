import type { PredictionInput } from "./predictor.js";

/** Shapes that are remembered; rectangular evaluation has about this many. */
const MOST_SHAPES = 16;

/** What was made for the shapes of batches that come again; a shape that was not used for longest is forgotten first. */
export class ByShape<Made extends Disposable> {
  readonly #made = new Map<string, Made | "seen" | "impossible">();

  /**
   * @param make called for the second batch of a shape
   * @returns undefined for the first batch of a shape, and where nothing could be made
   */
  find({ batchSize, height, width }: PredictionInput, make: () => Made | undefined): Made | undefined {
    const key = [batchSize, height, width].join();
    const known = this.#made.get(key);
    const current = known === undefined ? "seen" : known === "seen" ? (make() ?? "impossible") : known;
    // What was used last is last in the map, what is forgotten first is first.
    this.#made.delete(key);
    this.#made.set(key, current);
    if (this.#made.size > MOST_SHAPES) this.#forgetOldest();
    return typeof current === "string" ? undefined : current;
  }

  dispose(): void {
    for (const made of this.#made.values()) if (typeof made !== "string") made[Symbol.dispose]();
    this.#made.clear();
  }

  #forgetOldest(): void {
    const [key, made] = this.#made.entries().next().value!;
    if (typeof made !== "string") made[Symbol.dispose]();
    this.#made.delete(key);
  }
}
