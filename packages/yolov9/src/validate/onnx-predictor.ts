/** An exported model on ONNX Runtime as a predictor. It gives no losses: the file's output is decoded already. */
import { Detector, ROW_LENGTH, type SuppressionCard } from "@yolov9/runtime";
import type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";

/** x / 255 in float32 for every byte x. */
const UNIT = Float32Array.from({ length: 256 }, (_, level) => level / 255);

export class OnnxPredictor implements Predictor {
  readonly engine = "ONNX Runtime";
  readonly #detector: Detector;

  private constructor(detector: Detector) {
    this.#detector = detector;
  }

  /**
   * @param source path or bytes of a file
   * @throws Error when the file is missing or is no exported model
   */
  static async load(source: string | Uint8Array): Promise<OnnxPredictor> {
    return new OnnxPredictor(await Detector.load(source));
  }

  get classCount(): number {
    return this.#detector.names.length;
  }

  get names(): readonly string[] {
    return this.#detector.names;
  }

  get suppression(): SuppressionCard | undefined {
    return this.#detector.card.suppression;
  }

  get inputSize(): InputSize {
    const { imageWidth: width, imageHeight: height } = this.#detector.card;
    return { width, height };
  }

  /** @throws RangeError when the file was exported for another size */
  async predict({ images, batchSize, width, height }: PredictionInput): Promise<Predictions> {
    const floats = new Float32Array(images.length);
    for (let i = 0; i < images.length; i++) floats[i] = UNIT[images[i]!]!;
    const values = await this.#detector.predict(floats, { batch: batchSize, width, height });
    const suppressed = this.suppression !== undefined;
    const numbers = suppressed ? ROW_LENGTH : 4 + this.classCount;
    return { values, anchors: values.length / batchSize / numbers, suppressed };
  }

  close(): Promise<void> {
    return this.#detector.dispose();
  }
}
