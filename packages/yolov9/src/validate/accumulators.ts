/** What a validation run adds up on its way: losses weighted by batch size, and the time of its stages. */
import type { LossItems } from "../loss/index.js";
import type { ValidationResult } from "./result.js";

/** Means over images of losses that are means over batches. */
export class LossMean {
  #box = 0;
  #cls = 0;
  #dfl = 0;
  #images = 0;

  add(items: LossItems | undefined, batchSize: number): void {
    if (items === undefined) return;
    this.#box += items.box * batchSize;
    this.#cls += items.cls * batchSize;
    this.#dfl += items.dfl * batchSize;
    this.#images += batchSize;
  }

  /** Undefined when no batch had losses. */
  mean(): ValidationResult["losses"] | undefined {
    if (this.#images === 0) return undefined;
    const [box, cls, dfl] = [this.#box, this.#cls, this.#dfl].map((sum) => sum / this.#images);
    return { box: box!, cls: cls!, dfl: dfl!, total: box! + cls! + dfl! };
  }
}

type Stage = keyof ValidationResult["speed"];

/** Splits the time since its making, or since the last lap, among the stages. */
export class StageClock {
  readonly #milliseconds: Record<Stage, number> = { preprocess: 0, inference: 0, nms: 0 };
  #last = performance.now();

  /** The time since the last lap belongs to this stage. */
  lap(stage: Stage): void {
    const now = performance.now();
    this.#milliseconds[stage] += now - this.#last;
    this.#last = now;
  }

  millisecondsPer(images: number): Record<Stage, number> {
    const { preprocess, inference, nms } = this.#milliseconds;
    const share = 1 / Math.max(images, 1);
    return { preprocess: preprocess * share, inference: inference * share, nms: nms * share };
  }
}
