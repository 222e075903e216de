/** A model on libtorch as a predictor: evaluation mode, no gradients, losses of the lead head where they are wanted. */
import {
  capabilities,
  noGrad,
  scope,
  tensor,
  type DType,
  type Precision,
  type Tensor,
  unitImages,
} from "@yolov9/torch";
import type { DetectionLoss, LossItems } from "../loss/index.js";
import type { DetectionModel } from "../model/index.js";
import { PredictionGraphs } from "./prediction-graphs.js";
import { PredictionPlans } from "./prediction-plans.js";
import type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";
import { readPredictions } from "./read-predictions.js";

export interface TorchPredictorOptions {
  /** Computes validation losses from raw levels and targets. */
  readonly loss?: DetectionLoss | undefined;
  /** The size that the model was trained with. */
  readonly inputSize?: InputSize | undefined;
  /** Number format of the convolutions. Default: that of the weights. */
  readonly precision?: Precision | undefined;
  /** Whether `close` frees the model. Default false: the caller keeps it. */
  readonly ownsModel?: boolean;
}

export class TorchPredictor implements Predictor {
  readonly inputSize: InputSize | undefined;
  readonly #model: DetectionModel;
  readonly #loss: DetectionLoss | undefined;
  readonly #ownsModel: boolean;
  readonly #device: string;
  readonly #precision: DType;
  /** The faster way for shapes that come again. */
  readonly #recorded: PredictionPlans | PredictionGraphs;

  /** @param model where its weights are; its mode is restored after every batch */
  constructor(model: DetectionModel, options: TorchPredictorOptions = {}) {
    this.inputSize = options.inputSize;
    this.#model = model;
    this.#loss = options.loss;
    this.#ownsModel = options.ownsModel ?? false;
    const { device, dtype } = model.parameters()[0]![1];
    this.#device = device;
    this.#precision = options.precision ?? dtype;
    this.#recorded =
      device === "cpu" ? new PredictionPlans(model, this.#precision) : new PredictionGraphs(model, this.#precision);
  }

  get classCount(): number {
    return this.#model.classCount;
  }

  get names(): readonly string[] {
    return this.#model.names;
  }

  get engine(): string {
    return `libtorch ${capabilities().version}, ${this.#precision}, ${this.#device}`;
  }

  predict(input: PredictionInput): Promise<Predictions> {
    const { training } = this.#model;
    this.#model.eval();
    try {
      const wantsLosses = this.#loss !== undefined && input.targets !== undefined;
      const recorded = wantsLosses ? undefined : this.#recorded.predict(input);
      return Promise.resolve(recorded ?? noGrad(() => scope(() => this.#run(input))));
    } finally {
      if (training) this.#model.train();
    }
  }

  close(): Promise<void> {
    this.#recorded.dispose();
    if (this.#ownsModel) this.#model.dispose();
    return Promise.resolve();
  }

  #run(input: PredictionInput): Predictions {
    const outputs = this.#model.forward(this.#upload(input));
    const losses = this.#losses(outputs, input);
    return {
      ...readPredictions(this.#model.decode(outputs.lead)),
      ...(losses === undefined ? {} : { losses }),
    };
  }

  /** Bytes to [B, 3, H, W] float 0 … 1, on the model's device. */
  #upload({ images, batchSize, height, width }: PredictionInput): Tensor {
    const bytes = tensor(images, { shape: [batchSize, 3, height, width], device: this.#device });
    return unitImages(bytes, this.#precision);
  }

  #losses(outputs: ReturnType<DetectionModel["forward"]>, { targets }: PredictionInput): LossItems | undefined {
    if (this.#loss === undefined || targets === undefined) return undefined;
    return this.#loss.compute({ lead: outputs.lead, auxiliaries: [] }, targets).items;
  }
}
