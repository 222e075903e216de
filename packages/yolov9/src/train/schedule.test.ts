import { describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { learningRateFactor, settle, stepSettings, warmupIterations, warmupNotice } from "./schedule.js";

/** Training images, so many that the nominal batch is the published one. */
const MANY = 100_000;
const config = (values: Record<string, unknown> = {}, images = MANY) =>
  settle(parseConfig(TrainConfig, values, "test"), images);

describe("learningRateFactor", () => {
  it("falls linearly from 1 towards lrf", () => {
    const linear = config({ epochs: 10, lrf: 0.1 });
    expect(learningRateFactor(0, linear)).toBe(1);
    expect(learningRateFactor(5, linear)).toBeCloseTo(0.55, 12);
    expect(learningRateFactor(9, linear)).toBeCloseTo(0.19, 12);
  });

  it("falls along half a cosine", () => {
    const cosine = config({ epochs: 10, lrf: 0.1, schedule: "cosine" });
    expect(learningRateFactor(0, cosine)).toBe(1);
    expect(learningRateFactor(5, cosine)).toBeCloseTo(0.55, 12);
    expect(learningRateFactor(1, cosine)).toBeCloseTo(1 - (0.9 * (1 - Math.cos(Math.PI / 10))) / 2, 12);
  });

  it("stays flat for half of the epochs, then falls along half a cosine", () => {
    const flat = config({ epochs: 10, lrf: 0.1, schedule: "flat-cosine" });
    expect([0, 3, 5].map((epoch) => learningRateFactor(epoch, flat))).toEqual([1, 1, 1]);
    expect(learningRateFactor(9, flat)).toBeCloseTo(1 - (0.9 * (1 - Math.cos((Math.PI * 4) / 5))) / 2, 12);
  });

  it("stays", () => {
    expect(learningRateFactor(9, config({ epochs: 10, schedule: "fixed" }))).toBe(1);
  });
});

describe("stepSettings", () => {
  const tiny = config({ epochs: 40, batch: 16 });
  const batches = 13;

  it("warms up for three epochs but no fewer than 100 iterations", () => {
    expect(warmupIterations(13, tiny)).toBe(100);
    expect(warmupIterations(1000, tiny)).toBe(3000);
  });

  it("starts with fast biases, still weights and single batches", () => {
    expect(stepSettings(0, 0, batches, tiny)).toEqual({ biasLr: 0.1, lr: 0, momentum: 0.8, accumulate: 1 });
  });

  it("is half way in the middle of warm-up", () => {
    const { biasLr, lr, momentum, accumulate } = stepSettings(50, 3, batches, tiny);
    const rate = 0.01 * (0.99 * (1 - 3 / 40) + 0.01);
    expect(biasLr).toBeCloseTo((0.1 + rate) / 2, 12);
    expect(lr).toBeCloseTo(rate / 2, 12);
    expect(momentum).toBeCloseTo(0.8685, 12);
    expect(accumulate).toBe(2); // 2.5, to even
  });

  it("is the schedule's afterwards", () => {
    const rate = 0.01 * (0.99 * (1 - 8 / 40) + 0.01);
    expect(stepSettings(101, 8, batches, tiny)).toEqual({ biasLr: rate, lr: rate, momentum: 0.937, accumulate: 4 });
  });

  it("needs no warm-up at all", () => {
    const none = config({ warmupEpochs: 0, warmupMinIterations: 0, batch: 128 });
    const full = expect.closeTo(0.01, 12) as number;
    expect(stepSettings(0, 0, batches, none)).toEqual({ biasLr: full, lr: full, momentum: 0.937, accumulate: 1 });
  });

  it("warns of runs that mostly warm up", () => {
    expect(warmupNotice(2, config({ epochs: 10 }))).toMatch(/100 of 20 iterations; --warmup-min-iterations/);
    expect(warmupNotice(13, tiny)).toBeUndefined();
  });
});

describe("the nominal batch", () => {
  it("is the published 64 images in long runs, and shrinks in short ones to no fewer than 16 or the batch", () => {
    const nominal = (epochs: number, images: number, batch = 16) => config({ epochs, batch }, images).nominalBatch;
    expect(nominal(500, 118_287)).toBe(64);
    expect(nominal(100, 1000)).toBe(64);
    expect(nominal(100, 400)).toBe(40);
    expect(nominal(40, 205)).toBe(16);
    expect(nominal(40, 205, 32)).toBe(32);
    expect(nominal(40, 205, 128)).toBe(64);
  });

  it("is what the configuration says where it says something", () => {
    expect(config({ nominalBatch: 64 }, 10).nominalBatch).toBe(64);
  });
});
