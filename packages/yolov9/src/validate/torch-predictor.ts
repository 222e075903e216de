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
import { PredictionPlans } from "./prediction-plans.js";
import type { InputSize, PredictionInput, Predictions, Predictor } from "./predictor.js";

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
  /** Where the model is on a CPU. */
  readonly #plans: PredictionPlans | undefined;

  /** @param model where its weights are; its mode is restored after every batch */
  constructor(model: DetectionModel, options: TorchPredictorOptions = {}) {
    this.inputSize = options.inputSize;
    this.#model = model;
    this.#loss = options.loss;
    this.#ownsModel = options.ownsModel ?? false;
    const { device, dtype } = model.parameters()[0]![1];
    this.#device = device;
    this.#precision = options.precision ?? dtype;
    this.#plans = device === "cpu" ? new PredictionPlans(model, this.#precision) : undefined;
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
      const planned = wantsLosses ? undefined : this.#plans?.predict(input);
      return Promise.resolve(planned ?? noGrad(() => scope(() => this.#run(input))));
    } finally {
      if (training) this.#model.train();
    }
  }

  close(): Promise<void> {
    this.#plans?.dispose();
    if (this.#ownsModel) this.#model.dispose();
    return Promise.resolve();
  }

  #run(input: PredictionInput): Predictions {
    const outputs = this.#model.forward(this.#upload(input));
    const losses = this.#losses(outputs, input);
    const decoded = this.#model.decode(outputs.lead);
    const values = decoded.toArray();
    return {
      values: values instanceof Float32Array ? values : Float32Array.from(values, Number),
      anchors: decoded.shape[2]!,
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
