import { memory, rand, scope, SGD } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { lossOfModel } from "../loss/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import { ExponentialMovingAverage } from "./ema.js";

const SIDE = 64;
const BATCH = 2;
const STEPS = 500;
/** Until allocators, compilers and the optimiser have what they keep. */
const WARM_UP = 100;
const WINDOW = 50;

/** One step of training on random images, as the trainer does it. */
function trainingStep(): () => void {
  const build = () => buildModel(loadModelSpec("gelan-t"), { classCount: 2 }).to({ memoryFormat: "channels_last" });
  const model = build().train();
  const loss = lossOfModel(model);
  const average = new ExponentialMovingAverage(model, build(), { decay: 0.9999 });
  const parameters = model.parameters().map(([, parameter]) => parameter);
  const optimiser = new SGD([{ parameters, lr: 1e-4, momentum: 0.9, weightDecay: 5e-4, nesterov: true }]);
  const rows = Float32Array.of(0, 0, 0.4, 0.4, 0.5, 0.6, 1, 1, 0.6, 0.5, 0.4, 0.3);
  return () => {
    scope(() => {
      const outputs = model.forward(rand([BATCH, 3, SIDE, SIDE]));
      loss.compute(outputs, { rows, imageCount: BATCH, width: SIDE, height: SIDE }).total.backward();
    });
    optimiser.step({ maxGradientNorm: 10, average: average.nextUpdate() });
    optimiser.zeroGrad();
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("a training step", () => {
  it("leaves no tensor behind, and 500 of them take no more memory than 100", { timeout: 180_000 }, () => {
    const step = trainingStep();
    step();
    const { undisposedTensors, liveBytes } = memory();
    const resident = Array.from({ length: STEPS }, () => {
      step();
      return process.memoryUsage.rss();
    });
    expect(memory()).toMatchObject({ undisposedTensors, liveBytes });
    const [early, late] = [resident.slice(WARM_UP, WARM_UP + WINDOW), resident.slice(-WINDOW)];
    expect(mean(late) / mean(early)).toBeLessThan(1.03);
  });
});
