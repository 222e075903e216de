import { capabilities, manualSeed, memory, SGD } from "@yolov9/torch";
import { expect, it } from "vitest";
import { lossOfModel } from "../loss/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import { DeviceTrainingStep } from "./device-training-step.js";
import { ExponentialMovingAverage } from "./ema.js";
import { HostTrainingStep, type Trained, type TrainingBatch } from "./training-step.js";

const SIZE = 128;

function batch(): TrainingBatch {
  const rows = Float32Array.of(0, 1, 0.5, 0.5, 0.4, 0.5, 0, 2, 0.3, 0.4, 0.5, 0.3, 1, 0, 0.6, 0.6, 0.3, 0.3);
  const images = Uint8Array.from({ length: 2 * 3 * SIZE ** 2 }, (_, i) => (i * 31) % 256);
  const shape = { width: SIZE, height: SIZE };
  return { images, batchSize: 2, ...shape, targets: { rows, imageCount: 2, ...shape } };
}

function trained(): Trained {
  const build = () => buildModel(loadModelSpec("gelan-t"), { classCount: 3 }).to({ memoryFormat: "channels_last" });
  manualSeed(3);
  const model = build().train();
  const parameters = model.parameters().map(([, parameter]) => parameter);
  return {
    model,
    optimizer: new SGD([{ parameters, lr: 1e-9, momentum: 0.9, weightDecay: 5e-4, nesterov: true }]),
    ema: new ExponentialMovingAverage(model, build(), { decay: 0.9 }),
    device: "cpu",
    precision: "float32",
    counters: { iteration: 0 },
    config: { clipNorm: 10 },
  };
}

const version = capabilities().version;
const [major = 0, minor = 0] = version.split(".").map(Number);
/** What takes a GPU's steps runs on a CPU too, where libtorch is new enough to have its operators. */
const hasOperators = major > 2 || (major === 2 && minor >= 3);

it.skipIf(!hasOperators)(`steps of a GPU are those of the CPU (libtorch 2.3 or newer; here ${version})`, () => {
  const [host, device] = [trained(), trained()];
  const steps = [
    new HostTrainingStep(host, lossOfModel(host.model)),
    new DeviceTrainingStep(device, lossOfModel(device.model), () => undefined),
  ];
  const tensors: number[] = [];
  const figures = steps.map((step) =>
    Array.from({ length: 4 }, () => {
      step.backward(batch());
      step.backward(batch());
      step.update();
      const [first, second] = step.read();
      tensors.push(memory().undisposedTensors);
      expect(first!.gradientNorm).toBeUndefined();
      const { losses, gradientNorm } = second!;
      return [losses.box, losses.cls, losses.dfl, gradientNorm!];
    }),
  );
  // The first step's norm too; after it the weights have moved, and of a network that has learned nothing the gradient jumps with them.
  const compared = (of: number[][]) => [...of[0]!, ...of.slice(1).flatMap((values) => values.slice(0, 3))];
  const [expected, found] = figures.map(compared);
  expected!.forEach((value, i) => expect(found![i]! / value).toBeCloseTo(1, 2));
  expect([tensors[1], tensors[5]]).toEqual([tensors[3], tensors[7]]);
  const counted = (each: Trained) =>
    [...each.model.stateDict()].find(([path]) => path.endsWith("num_batches_tracked"))![1].item();
  expect([counted(host), counted(device)]).toEqual([8, 8]);
  for (const each of steps) each.dispose();
});
