/**
 * Training steps on a GPU, which is never waited for but where figures are read. Forward and backward pass of a kind of batch (its size,
 * and room for objects) are recorded as a CUDA graph once the kind has come back, and then run as a whole.
 */
import { BatchNorm2d, CudaGraph, scope, stack, tensor, unitImages } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { denseRows, DENSE_COLUMNS, lossItems, roomForObjects, type DetectionLoss } from "../loss/index.js";
import type { BatchFigures, Trained, TrainingBatch, TrainingStep } from "./training-step.js";

/** Batches of a kind that are done one kernel at a time, in which sums of gradients get their place and cuDNN chooses its kernels. */
const BATCHES_BEFORE_RECORDING = 3;

/** Kinds of batches that are recorded at once; each holds memory. */
const MOST_RECORDINGS = 4;

/** Images and objects of a batch on the device. */
interface Memory {
  readonly images: Tensor;
  readonly objects: Tensor;
}

/** What runs on them, and where it leaves what the batch lost. */
interface Recording extends Memory {
  readonly graph: CudaGraph;
  readonly terms: Tensor;
}

interface Pending {
  readonly iteration: number;
  readonly terms: Tensor;
  norm: Tensor | undefined;
}

export class DeviceTrainingStep implements TrainingStep {
  readonly #trained: Trained;
  readonly #loss: DetectionLoss;
  readonly #note: (line: string) => void;
  readonly #norms: readonly BatchNorm2d[];
  readonly #recordings = new Map<string, Recording>();
  readonly #seen = new Map<string, number>();
  #records = CudaGraph.isAvailable;
  #room = 0;
  #pending: Pending[] = [];

  /** @param note is told where steps cannot be recorded */
  constructor(trained: Trained, loss: DetectionLoss, note: (line: string) => void) {
    this.#trained = trained;
    this.#loss = loss;
    this.#note = note;
    this.#norms = trained.model.modules().flatMap(([, module]) => (module instanceof BatchNorm2d ? [module] : []));
  }

  backward(batch: TrainingBatch): void {
    this.#room = Math.max(this.#room, roomForObjects(batch.targets));
    const terms = scope(() => {
      const recording = this.#recordingFor(batch);
      return recording === undefined ? this.#run(this.#upload(batch)) : this.#replay(recording, batch);
    }).keep();
    this.#pending.push({ iteration: this.#trained.counters.iteration, terms, norm: undefined });
  }

  update(): void {
    const { optimizer, ema, config } = this.#trained;
    this.#pending.at(-1)!.norm = scope(() =>
      optimizer.stepOnDevice({ maxGradientNorm: config.clipNorm, average: ema.nextUpdate() }),
    ).keep();
    optimizer.zeroGrad();
  }

  read(): BatchFigures[] {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length === 0) return [];
    const rows = scope(() => {
      const none = pending[0]!.terms.sum().mul(0);
      return stack(pending.map(({ terms, norm }) => stack([...terms.unbind(0), norm ?? none]))).toArray();
    });
    return pending.map(({ iteration, terms, norm }, i) => {
      const [box, cls, dfl, gradientNorm] = Array.from(rows.subarray(4 * i, 4 * i + 4), Number);
      terms.dispose();
      norm?.dispose();
      return { iteration, losses: lossItems([box!, cls!, dfl!]), gradientNorm: norm && gradientNorm };
    });
  }

  dispose(): void {
    for (const { terms, norm } of this.#pending) for (const each of [terms, norm]) each?.dispose();
    for (const key of [...this.#recordings.keys()]) this.#forget(key);
  }

  /** Forward and backward pass. @returns [3] the terms of the loss */
  #run({ images, objects }: Memory): Tensor {
    const outputs = this.#trained.model.forward(unitImages(images, this.#trained.precision));
    const { total, terms } = this.#loss.computeDense(outputs, objects);
    total.backward();
    this.#trained.optimizer.collectGradients();
    return terms;
  }

  #upload({ images, batchSize, height, width, targets }: TrainingBatch): Memory {
    const { device, model } = this.#trained;
    return {
      images: tensor(images, { shape: [batchSize, 3, height, width], device }),
      objects: tensor(denseRows(targets, model.classCount, this.#room), {
        shape: [batchSize, this.#room, DENSE_COLUMNS],
        device,
      }),
    };
  }

  /** Undefined where batches of this kind are not recorded, or not yet. */
  #recordingFor(batch: TrainingBatch): Recording | undefined {
    if (!this.#records) return undefined;
    const { batchSize, height, width } = batch;
    const key = [batchSize, height, width, this.#room, this.#loss.auxiliaryWeight].join(" ");
    const known = this.#recordings.get(key);
    if (known !== undefined) return known;
    const seen = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, seen);
    return seen > BATCHES_BEFORE_RECORDING ? this.#record(key, batch) : undefined;
  }

  #record(key: string, batch: TrainingBatch): Recording | undefined {
    if (this.#recordings.size >= MOST_RECORDINGS) this.#forget(this.#recordings.keys().next().value!);
    const memory = this.#upload(batch);
    let terms: Tensor | undefined;
    try {
      const graph = CudaGraph.record(() => {
        terms = scope(() => this.#run(memory));
      });
      for (const each of [memory.images, memory.objects, terms!]) each.keep();
      const recording = { graph, terms: terms!, ...memory };
      this.#recordings.set(key, recording);
      // The batch was counted while nothing was computed; running the recording counts it.
      for (const norm of this.#norms) norm.countBatch(-1);
      return recording;
    } catch (error) {
      this.#records = false;
      this.#note(`steps are not recorded as a CUDA graph: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #replay(recording: Recording, batch: TrainingBatch): Tensor {
    const { images, objects } = this.#upload(batch);
    recording.images.copy_(images);
    recording.objects.copy_(objects);
    recording.graph.replay();
    for (const norm of this.#norms) norm.countBatch();
    return recording.terms.clone();
  }

  #forget(key: string): void {
    const { graph, ...tensors } = this.#recordings.get(key)!;
    graph.dispose();
    for (const each of Object.values(tensors)) each.dispose();
    this.#recordings.delete(key);
  }
}
