/** Plans of one deployed model, for the shapes of batches that come again. */
import { noGrad, recordPlan, tensor, unitImages, usesOwnKernels, type DType, type Plan } from "@yolov9/torch";
import type { DetectionModel } from "../model/index.js";
import { ByShape } from "./by-shape.js";
import type { PredictionInput, Predictions } from "./predictor.js";

export class PredictionPlans {
  readonly #model: DetectionModel;
  readonly #precision: DType;
  readonly #plans = new ByShape<Plan>();

  /** @param model on the CPU, in evaluation mode whenever `predict` is called */
  constructor(model: DetectionModel, precision: DType) {
    this.#model = model;
    this.#precision = precision;
  }

  /** @returns undefined where there is no plan: for a shape's first batch, and for a network that needs more than plans know */
  predict(input: PredictionInput): Predictions | undefined {
    if (!this.#model.fused || !usesOwnKernels()) return undefined;
    const plan = this.#plans.find(input, () => this.#record(input));
    if (plan === undefined) return undefined;
    const [batch, rows, anchors] = plan.shape;
    const values = uninitialised(batch * rows * anchors);
    if (plan.run(input.images, values)) return { values, anchors };
    this.dispose();
    return undefined;
  }

  dispose(): void {
    this.#plans.dispose();
  }

  #record({ images, batchSize, height, width }: PredictionInput): Plan | undefined {
    using image = tensor(images.subarray(0, 3 * height * width), { shape: [1, 3, height, width] });
    const model = this.#model;
    return noGrad(() =>
      recordPlan(image, batchSize, (bytes) => model.decode(model.forward(unitImages(bytes, this.#precision)).lead)),
    );
  }
}

/** Numbers that a plan will write, without the time that zeroing megabytes takes. */
function uninitialised(count: number): Float32Array {
  return new Float32Array(Buffer.allocUnsafeSlow(count * Float32Array.BYTES_PER_ELEMENT).buffer);
}
