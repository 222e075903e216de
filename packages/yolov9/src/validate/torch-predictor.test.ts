import { BatchNorm2d, cpuMultipliesBfloat16, manualSeed, memory, noGrad, profile, rand, scope } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { deployed } from "../export/export-model.js";
import { buildModel, loadModelSpec, type DetectionModel } from "../model/index.js";
import type { PredictionInput, Predictions } from "./predictor.js";
import { TorchPredictor } from "./torch-predictor.js";

const CLASSES = 5;

/** Deployed, with batch norms that have seen a batch, so that features are of normal size and predictions depend on the picture. */
function lively(name: string): DetectionModel {
  manualSeed(1);
  const trained = buildModel(loadModelSpec(name), { classCount: CLASSES });
  noGrad(() => {
    scope(() => trained.train().forward(rand([4, 3, 64, 64])));
    for (const [, norm] of trained.modules()) {
      if (!(norm instanceof BatchNorm2d)) continue;
      // From the moving averages of one batch back to its statistics.
      norm.running_mean.div_(norm.momentum).dispose();
      norm.running_var
        .sub_(1 - norm.momentum)
        .div_(norm.momentum)
        .clamp_(0.01, 1e6)
        .dispose();
    }
  });
  const model = deployed(trained);
  trained.dispose();
  return model;
}

function input(batchSize: number, height: number, width: number, seed = 0): PredictionInput {
  const images = Uint8Array.from({ length: batchSize * 3 * height * width }, (_, i) => ((i + seed) * 7919) % 251);
  return { images, batchSize, height, width };
}

/** Mean difference of box coordinates in pixels, and of scores. */
function differences(a: Predictions, b: Predictions): { box: number; score: number } {
  expect(a.values.length).toBe(b.values.length);
  const sums = { box: 0, score: 0 };
  for (const [i, value] of a.values.entries()) {
    const kind = Math.floor(i / a.anchors) % (4 + CLASSES) < 4 ? "box" : "score";
    sums[kind] += Math.abs(value - b.values[i]!);
  }
  const columns = a.values.length / (4 + CLASSES);
  return { box: sums.box / columns / 4, score: sums.score / columns / CLASSES };
}

/** Whether a prediction ran as a plan. */
async function isPlanned(predictor: TorchPredictor, batch: PredictionInput): Promise<boolean> {
  let pending: Promise<Predictions> | undefined;
  const operators = profile(() => {
    pending = predictor.predict(batch);
  });
  await pending;
  return operators.some(({ name }) => name.startsWith("plan::"));
}

const inputs = [input(1, 64, 64), input(2, 96, 160), input(1, 32, 32)];

describe("a plan of a whole network", () => {
  const names = ["gelan-t", "gelan-s", "gelan-c", "yolov9-c"];

  it.each(names)("predicts in float32 what %s predicts without", async (name) => {
    const predictor = new TorchPredictor(lively(name), { precision: "float32", ownsModel: true });
    for (const batch of inputs) {
      const first = await predictor.predict(batch);
      const second = await predictor.predict(batch);
      expect(await isPlanned(predictor, batch)).toBe(true);
      const { box, score } = differences(first, second);
      expect(box).toBeLessThan(1e-5);
      expect(score).toBeLessThan(1e-5);
      const other = await predictor.predict(input(batch.batchSize, batch.height, batch.width, 100));
      expect(differences(second, other).box).toBeGreaterThan(1);
      expect((await predictor.predict(batch)).values).toEqual(second.values);
    }
    await predictor.close();
  });

  // These networks amplify roundings, and a plan rounds once where a residual is added: it is measured by how far both are from float32.
  it.runIf(cpuMultipliesBfloat16()).each(names)("of %s in bfloat16 is as close to float32 as without", async (name) => {
    const model = lively(name);
    const exact = new TorchPredictor(model, { precision: "float32" });
    const predictor = new TorchPredictor(model, { precision: "bfloat16", ownsModel: true });
    const errors = { eager: 0, planned: 0 };
    for (const batch of inputs) {
      const expected = await exact.predict(batch);
      errors.eager += differences(await predictor.predict(batch), expected).box;
      errors.planned += differences(await predictor.predict(batch), expected).box;
      expect(await isPlanned(predictor, batch)).toBe(true);
    }
    expect(errors.planned).toBeLessThan(1.5 * errors.eager);
    await exact.close();
    await predictor.close();
  });
});

describe("TorchPredictor", () => {
  const batch = input(1, 64, 64);

  it("goes on without a plan where a network needs more than plans know, and with batch norms", async () => {
    manualSeed(1);
    const unfused = buildModel(loadModelSpec("gelan-t"), { classCount: CLASSES });
    for (const model of [lively("yolov9-e"), unfused]) {
      const predictor = new TorchPredictor(model, { ownsModel: true });
      const first = await predictor.predict(batch);
      const second = await predictor.predict(batch);
      expect(await isPlanned(predictor, batch)).toBe(false);
      expect(second.values).toEqual(first.values);
      await predictor.close();
    }
  });

  it("records anew when the model's weights were replaced", async () => {
    const model = lively("gelan-t");
    const predictor = new TorchPredictor(model, { precision: "float32", ownsModel: true });
    for (let i = 0; i < 2; i++) await predictor.predict(batch);
    expect(await isPlanned(predictor, batch)).toBe(true);
    model.to({ memoryFormat: "channels_last" });
    for (const planned of [false, false, true]) expect(await isPlanned(predictor, batch)).toBe(planned);
    await predictor.close();
  });

  it("holds memory flat over hundreds of pictures", async () => {
    const predictor = new TorchPredictor(lively("gelan-t"), { ownsModel: true });
    const run = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await predictor.predict(batch);
    };
    await run(50);
    const before = { resident: process.memoryUsage().rss, tensors: memory().undisposedTensors };
    await run(300);
    expect(memory().undisposedTensors).toBe(before.tensors);
    expect(process.memoryUsage().rss - before.resident).toBeLessThan(20e6);
    await predictor.close();
  });
});
