/** From whatever a user calls weights (ONNX file, checkpoint, run folder, bare tensors) to a predictor that owns them. */
import { resolveDevice, resolvePrecision, setNumThreads, type Precision } from "@yolov9/torch";
import { deployed } from "../export/export-model.js";
import { lossOfModel } from "../loss/index.js";
import { openTrainedModel } from "../weights/open-model.js";
import { OnnxPredictor } from "./onnx-predictor.js";
import type { Predictor } from "./predictor.js";
import { TorchPredictor } from "./torch-predictor.js";

export interface OpenPredictorOptions {
  /** Zoo name or model file, for bare weights. */
  readonly model?: string | undefined;
  /** "auto", "cpu", "cuda:0". Default auto. */
  readonly device?: string | undefined;
  /** Number format of the convolutions on libtorch; "auto" takes the fastest that the device multiplies. Default float32. */
  readonly precision?: "auto" | Precision | undefined;
  /** Threads of libtorch; 0 or nothing leaves them as they are. */
  readonly threads?: number | undefined;
  /** Whether losses are computed where targets are given. */
  readonly withLosses?: boolean;
}

/**
 * Models on libtorch are detached and fused first: the same boxes in less time.
 * @throws Error when the weights cannot be read or do not say what model they belong to
 */
export async function openPredictor(weights: string, options: OpenPredictorOptions = {}): Promise<Predictor> {
  if (isOnnx(weights)) return OnnxPredictor.load(weights);
  if (options.threads !== undefined && options.threads > 0) setNumThreads(options.threads);
  const { model: trained, imageSize } = openTrainedModel(weights, options.model);
  const model = deployed(trained);
  trained.dispose();
  const device = resolveDevice(options.device ?? "auto");
  model.to({ device });
  return new TorchPredictor(model, {
    ownsModel: true,
    precision: resolvePrecision(options.precision ?? "float32", device),
    ...(imageSize === undefined ? {} : { inputSize: { width: imageSize, height: imageSize } }),
    ...(options.withLosses === true ? { loss: lossOfModel(model) } : {}),
  });
}

export function isOnnx(path: string): boolean {
  return path.toLowerCase().endsWith(".onnx");
}
