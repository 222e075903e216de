/**
 * What validation and detection ask of a model, whoever computes it: a batch of letterboxed pictures in, decoded predictions
 * out. The two kinds are in `torch-predictor.ts` and `onnx-predictor.ts`; suppression and measuring come after.
 */
import type { SuppressionCard } from "@yolov9/runtime";
import type { LossItems, Targets } from "../loss/index.js";

export interface InputSize {
  readonly width: number;
  readonly height: number;
}

export interface PredictionInput {
  /** [batchSize, 3, height, width] planar RGB, 0 … 255. */
  readonly images: Uint8Array;
  readonly batchSize: number;
  readonly width: number;
  readonly height: number;
  /** What is there, for losses. */
  readonly targets?: Targets;
}

export interface Predictions {
  /**
   * [batchSize, 4 + classCount, anchors]: cx cy w h in input pixels, then scores 0 … 1; of a model that suppresses boxes itself
   * [batchSize, maxDetections, 6]: x1 y1 x2 y2 score class.
   */
  readonly values: Float32Array;
  /** Columns of an image's values, or its rows where the model suppresses boxes itself. */
  readonly anchors: number;
  /** Whether the model has suppressed overlapping boxes. Default false. */
  readonly suppressed?: boolean;
  /** Means over the batch, where the predictor has a loss and the input has targets. */
  readonly losses?: LossItems;
}

export interface Predictor {
  readonly classCount: number;
  /** Names of the classes, where the weights carry them. */
  readonly names: readonly string[] | undefined;
  /** How the model suppresses boxes itself, where it does. */
  readonly suppression?: SuppressionCard | undefined;
  /** The input size that it was made for, in pixels, where that is known. */
  readonly inputSize: InputSize | undefined;
  /** What computes, for people: library and number format. */
  readonly engine: string;
  predict(input: PredictionInput): Promise<Predictions>;
  close(): Promise<void>;
}
