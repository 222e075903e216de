/** A model's forward pass on a GPU, recorded as a CUDA graph for the shapes of batches that come again. */
import { CudaGraph, noGrad, scope, tensor, unitImages, type DType, type Tensor } from "@yolov9/torch";
import type { DetectionModel } from "../model/index.js";
import { ByShape } from "./by-shape.js";
import type { PredictionInput, Predictions } from "./predictor.js";
import { readPredictions } from "./read-predictions.js";

/** The graph, and where it finds images and leaves raw levels. */
class RecordedForward implements Disposable {
  readonly #graph: CudaGraph;
  readonly #images: Tensor;
  readonly #levels: readonly Tensor[];

  private constructor(graph: CudaGraph, images: Tensor, levels: readonly Tensor[]) {
    this.#graph = graph;
    this.#images = images;
    this.#levels = levels;
  }

  /** @param images bytes [B, 3, H, W] on the GPU @returns undefined where the pass cannot be recorded */
  static of(model: DetectionModel, precision: DType, images: Tensor): RecordedForward | undefined {
    try {
      let levels: readonly Tensor[] = [];
      const graph = CudaGraph.record(() => {
        levels = scope(() => model.forward(unitImages(images, precision)).lead);
      });
      for (const each of [images, ...levels]) each.keep();
      return new RecordedForward(graph, images, levels);
    } catch {
      return undefined;
    }
  }

  run(images: Tensor): readonly Tensor[] {
    this.#images.copy_(images);
    this.#graph.replay();
    return this.#levels;
  }

  [Symbol.dispose](): void {
    this.#graph.dispose();
    for (const each of [this.#images, ...this.#levels]) each.dispose();
  }
}

export class PredictionGraphs {
  readonly #model: DetectionModel;
  readonly #precision: DType;
  readonly #recorded = new ByShape<RecordedForward>();

  /** @param model on a GPU, in evaluation mode whenever `predict` is called */
  constructor(model: DetectionModel, precision: DType) {
    this.#model = model;
    this.#precision = precision;
  }

  /** @returns undefined where nothing is recorded: for a shape's first batch, and where it cannot be */
  predict(input: PredictionInput): Predictions | undefined {
    if (!CudaGraph.isAvailable) return undefined;
    return noGrad(() => scope(() => this.#predict(input)));
  }

  dispose(): void {
    this.#recorded.dispose();
  }

  #predict(input: PredictionInput): Predictions | undefined {
    const { images, batchSize, height, width } = input;
    const { device } = this.#model.parameters()[0]![1];
    const upload = () => tensor(images, { shape: [batchSize, 3, height, width], device });
    const recorded = this.#recorded.find(input, () => RecordedForward.of(this.#model, this.#precision, upload()));
    return recorded && readPredictions(this.#model.decode(recorded.run(upload())));
  }
}
