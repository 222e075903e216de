import { describe, expect, it } from "vitest";

import { Random, shuffledOrder } from "./random.js";

const draws = (random: Random, count: number) => Array.from({ length: count }, () => random.next());

describe("Random", () => {
  it("depends on every part of its key and on nothing else", () => {
    const first = draws(new Random(1, 2, 3), 4);
    expect(draws(new Random(1, 2, 3), 4)).toEqual(first);
    for (const key of [
      [0, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
      [2, 1, 3],
      [1 + 2 ** 32, 2, 3],
    ]) {
      expect(draws(new Random(...key), 4)).not.toEqual(first);
    }
  });

  it("is uniform over neighbouring keys: mean 1/2, variance 1/12, no correlation", () => {
    const first = Array.from({ length: 20_000 }, (_, index) => new Random(0, 0, index).next());
    const mean = first.reduce((a, b) => a + b) / first.length;
    const variance = first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / first.length;
    const lag =
      first.slice(1).reduce((sum, x, i) => sum + (x - mean) * (first[i]! - mean), 0) / first.length / variance;
    expect(mean).toBeCloseTo(0.5, 1.9);
    expect(variance).toBeCloseTo(1 / 12, 2.5);
    expect(Math.abs(lag)).toBeLessThan(0.025);
  });

  it("draws Beta(32, 32): mean 1/2, variance 1/260", () => {
    const random = new Random(5);
    const values = Array.from({ length: 4000 }, () => random.symmetricBeta(32));
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance * 260).toBeGreaterThan(0.9);
    expect(variance * 260).toBeLessThan(1.1);
  });

  it("orders each epoch differently, every sample once", () => {
    const order = shuffledOrder(100, 3, 0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(shuffledOrder(100, 3, 0)).toEqual(order);
    expect(shuffledOrder(100, 3, 1)).not.toEqual(order);
    expect(shuffledOrder(100, 4, 0)).not.toEqual(order);
  });
});
