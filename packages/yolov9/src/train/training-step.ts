/**
 * What happens to one batch: forward, loss, backward and, when enough gradients are summed, a step of the optimiser. Figures are handed
 * over when they are asked for, because a GPU that is asked after every batch cannot work ahead.
 */
import { scope, tensor, unitImages } from "@yolov9/torch";
import type { Precision, Tensor } from "@yolov9/torch";
import type { Batch } from "../data/index.js";
import type { DetectionLoss, LossItems } from "../loss/index.js";
import type { Counters, TrainingState } from "./training-state.js";
import type { SettledConfig } from "./schedule.js";

/** What was found of one batch. */
export interface BatchFigures {
  /** Batches before this one, over all epochs. */
  readonly iteration: number;
  readonly losses: LossItems;
  /** Of all gradients, before clipping; undefined where the optimiser did not step after this batch. */
  readonly gradientNorm: number | undefined;
}

/** What a step works on. */
export interface Trained extends Pick<TrainingState, "model" | "optimizer" | "ema" | "device" | "precision"> {
  readonly counters: Pick<Counters, "iteration">;
  readonly config: Pick<SettledConfig, "clipNorm">;
}

/** Of a batch, what is trained on. */
export type TrainingBatch = Pick<Batch, "images" | "batchSize" | "height" | "width" | "targets">;

export interface TrainingStep {
  /** Adds the gradients of a batch. */
  backward(batch: TrainingBatch): void;
  /** Moves weights and average by what was added. Where the gradient is not finite, they stay as they are. */
  update(): void;
  /** Figures of the batches since the last call. */
  read(): BatchFigures[];
  dispose(): void;
}

/** On the CPU: figures are there at once. */
export class HostTrainingStep implements TrainingStep {
  readonly #trained: Trained;
  readonly #loss: DetectionLoss;
  #figures: BatchFigures[] = [];

  constructor(trained: Trained, loss: DetectionLoss) {
    this.#trained = trained;
    this.#loss = loss;
  }

  backward(batch: TrainingBatch): void {
    const { model, counters } = this.#trained;
    const losses = scope(() => {
      const outputs = model.forward(uploaded(batch, this.#trained));
      const { total, items } = this.#loss.compute(outputs, batch.targets);
      total.backward();
      return items;
    });
    this.#figures.push({ iteration: counters.iteration, losses, gradientNorm: undefined });
  }

  update(): void {
    const { optimizer, ema, config } = this.#trained;
    const gradientNorm = optimizer.step({ maxGradientNorm: config.clipNorm, average: ema.nextUpdate() });
    optimizer.zeroGrad();
    this.#figures.push({ ...this.#figures.pop()!, gradientNorm });
  }

  read(): BatchFigures[] {
    const figures = this.#figures;
    this.#figures = [];
    return figures;
  }

  dispose(): void {
    this.#figures = [];
  }
}

/** Bytes to [B, 3, H, W] in 0 … 1, on the model's device and in the precision of the pass. */
function uploaded(batch: TrainingBatch, { device, precision }: Trained): Tensor {
  return unitImagesOf(batch, device, precision);
}

/** The bytes of a batch as [B, 3, H, W] in 0 … 1; the caller, or the scope around, disposes of it. */
export function unitImagesOf(
  { images, batchSize, height, width }: Pick<TrainingBatch, "images" | "batchSize" | "height" | "width">,
  device: string,
  precision: Precision = "float32",
): Tensor {
  return scope(() => unitImages(tensor(images, { shape: [batchSize, 3, height, width], device }), precision));
}
