// One picture through a deployed model, from the network's input to decoded boxes, by one engine in a process of its own.
import { manualSeed } from "@yolov9/torch";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { buildModel, deployed, loadModelSpec, toOnnx, TorchPredictor, type DetectionModel } from "yolov9";
import { askChild } from "./child.js";
import { median } from "./statistics.js";

export type Engine = "onnx" | "float32" | "bfloat16";

export interface InferenceRequest {
  model: string;
  size: number;
  engine: Engine;
}

const WARM_UP = 5;
const RUNS = 15;

/** Median milliseconds of one picture. */
export function measureInference(request: InferenceRequest): number {
  return askChild("inference", request) as number;
}

export async function answerInference({ model: name, size, engine }: InferenceRequest): Promise<number> {
  manualSeed(0);
  const model = deployed(buildModel(loadModelSpec(name)));
  const run = engine === "onnx" ? await onOnnxRuntime(model, size) : onLibtorch(model, size, engine);
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + RUNS; i++) {
    const started = performance.now();
    await run();
    times.push(performance.now() - started);
  }
  return median(times.slice(WARM_UP));
}

async function onOnnxRuntime(model: DetectionModel, size: number): Promise<() => Promise<unknown>> {
  const session = await InferenceSession.create(toOnnx(model, { height: size, width: size }));
  const image = new Tensor(
    "float32",
    Float32Array.from(pixels(size), (level) => level / 255),
    [1, 3, size, size],
  );
  return () => session.run({ [session.inputNames[0]!]: image });
}

function onLibtorch(model: DetectionModel, size: number, precision: "float32" | "bfloat16"): () => Promise<unknown> {
  const predictor = new TorchPredictor(model, { precision });
  const images = pixels(size);
  return () => predictor.predict({ images, batchSize: 1, width: size, height: size });
}

function pixels(size: number): Uint8Array {
  return Uint8Array.from({ length: 3 * size * size }, (_, i) => (i * 7919) % 256);
}
