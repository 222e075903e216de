/** A predictor that tells no classes apart: an anchor's score is the best of its classes. For measuring how well objects are found at all. */
import { SINGLE_CLASS_NAME } from "../data/compose.js";
import type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";

const BOX_ROWS = 4;

export class SingleClassPredictor implements Predictor {
  readonly classCount = 1;
  readonly names = [SINGLE_CLASS_NAME];
  readonly #inner: Predictor;

  /**
   * @param inner is closed with this predictor
   * @throws Error for a model that suppresses boxes itself: it has told classes apart already
   */
  constructor(inner: Predictor) {
    if (inner.suppression !== undefined) {
      throw new Error(
        "taking all classes as one needs a model exported without --nms, which suppresses class by class",
      );
    }
    this.#inner = inner;
  }

  get engine(): string {
    return this.#inner.engine;
  }

  get inputSize(): InputSize | undefined {
    return this.#inner.inputSize;
  }

  /** A model of several classes gives no losses: the targets do not name its classes. */
  async predict(input: PredictionInput): Promise<Predictions> {
    if (this.#inner.classCount === 1) return this.#inner.predict(input);
    const { images, batchSize, width, height } = input;
    const { values, anchors } = await this.#inner.predict({ images, batchSize, width, height });
    const merged = new Float32Array(batchSize * (BOX_ROWS + 1) * anchors);
    const innerRows = BOX_ROWS + this.#inner.classCount;
    for (let image = 0; image < batchSize; image++) {
      const from = values.subarray(image * innerRows * anchors, (image + 1) * innerRows * anchors);
      const to = merged.subarray(image * (BOX_ROWS + 1) * anchors, (image + 1) * (BOX_ROWS + 1) * anchors);
      to.set(from.subarray(0, (BOX_ROWS + 1) * anchors));
      const best = to.subarray(BOX_ROWS * anchors);
      for (let row = BOX_ROWS + 1; row < innerRows; row++) {
        const scores = from.subarray(row * anchors, (row + 1) * anchors);
        for (let a = 0; a < anchors; a++) if (scores[a]! > best[a]!) best[a] = scores[a]!;
      }
    }
    return { values: merged, anchors };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
