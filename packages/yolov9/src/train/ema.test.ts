import { BatchNorm2d, Conv2d, memory, Module, tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { ExponentialMovingAverage } from "./ema.js";
import { applySettings, parameterGroups } from "./parameter-groups.js";
import { settle } from "./schedule.js";

/** Training images, so many that the nominal batch is the published one. */
const MANY = 100_000;

class Small extends Module {
  readonly conv = new Conv2d(1, 2, 1, { bias: true });
  readonly norm = new BatchNorm2d(2);
}

describe("ExponentialMovingAverage", () => {
  it("starts as a copy that is not trained", () => {
    const [source, average] = [new Small(), new Small()];
    const ema = new ExponentialMovingAverage(source, average, { decay: 0.9999, tau: 2000 });
    expect(ema.model.conv.weight.toList()).toEqual(source.conv.weight.toList());
    expect(ema.model.parameters().every(([, parameter]) => !parameter.requiresGrad)).toBe(true);
    expect(ema.model.training).toBe(false);
  });

  it("averages parameters and running statistics with decay · (1 - e^(-n/tau))", () => {
    const source = new Small();
    const ema = new ExponentialMovingAverage(source, new Small(), { decay: 0.9, tau: 2 });
    source.norm.running_mean.copy_(tensor([10, 20])).dispose();
    const before = memory().undisposedTensors;
    ema.update();
    expect(memory().undisposedTensors).toBe(before);
    const first = 0.9 * (1 - Math.exp(-0.5));
    expect(ema.decayAt(1)).toBeCloseTo(first, 12);
    expect(ema.model.norm.running_mean.toList()).toEqual([
      expect.closeTo(10 * (1 - first), 4),
      expect.closeTo(20 * (1 - first), 4),
    ]);
    ema.update();
    const second = 0.9 * (1 - Math.exp(-1));
    expect(ema.model.norm.running_mean.toList()).toEqual([
      expect.closeTo(10 * (1 - first * second), 4),
      expect.closeTo(20 * (1 - first * second), 4),
    ]);
    expect(ema.updates).toBe(2);
  });

  it("averages over about a ninth of a short run unless tau is given, and ends as the published ramp does", () => {
    const ema = (tau?: number) => new ExponentialMovingAverage(new Small(), new Small(), { decay: 0.9999, tau });
    expect(ema().decayAt(160)).toBeCloseTo(161 / 170, 12);
    expect(ema(2000).decayAt(160)).toBeCloseTo(0.9999 * (1 - Math.exp(-0.08)), 12);
    expect(ema().decayAt(1)).toBeLessThan(0.2);
    for (const update of [200_000, 1_000_000]) expect(ema().decayAt(update)).toBeCloseTo(0.9999, 4);
  });

  it("leaves counters alone", () => {
    const source = new Small();
    const ema = new ExponentialMovingAverage(source, new Small(), { decay: 0.9, tau: 2 });
    source.norm.num_batches_tracked.add_(5).dispose();
    ema.update();
    expect(ema.model.norm.num_batches_tracked.item()).toBe(0);
  });
});

describe("parameterGroups", () => {
  it("lets only convolution weights decay, scaled to the summed batch", () => {
    const model = new Small();
    const groups = parameterGroups(model, settle(parseConfig(TrainConfig, { batch: 128 }, "test"), MANY));
    expect(groups.map(({ parameters }) => parameters)).toEqual([
      [model.conv.bias, model.norm.bias],
      [model.conv.weight],
      [model.norm.weight],
    ]);
    expect(groups.map(({ weightDecay }) => weightDecay)).toEqual([0, 0.001, 0]);
    expect(groups.every(({ nesterov, lr }) => nesterov && lr === 0.01)).toBe(true);
  });

  it("gives biases a learning rate of their own", () => {
    const groups = parameterGroups(new Small(), settle(parseConfig(TrainConfig, {}, "test"), MANY));
    applySettings(groups, { biasLr: 0.1, lr: 0.02, momentum: 0.8, accumulate: 1 });
    expect(groups.map(({ lr }) => lr)).toEqual([0.1, 0.02, 0.02]);
    expect(groups.map(({ momentum }) => momentum)).toEqual([0.8, 0.8, 0.8]);
  });
});
