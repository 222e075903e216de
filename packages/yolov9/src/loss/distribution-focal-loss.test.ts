import { scope, tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { distributionFocalLoss, expectedDistance, twoBinDistribution } from "./distribution-focal-loss.js";

describe("twoBinDistribution", () => {
  it("splits a distance between its two neighbouring bins", () => {
    const rows = twoBinDistribution(Float32Array.of(2.25, 0, 3), 5);
    expect([...rows]).toEqual([0, 0, 0.75, 0.25, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it("clamps to 0 … bins - 1.01", () => {
    const rows = twoBinDistribution(Float32Array.of(-3, 99), 16);
    expect(rows[0]).toBe(1);
    expect(rows[16 + 14]).toBeCloseTo(0.01, 5);
    expect(rows[16 + 15]).toBeCloseTo(0.99, 5);
  });

  it("has the distance as its expectation", () => {
    const distances = Float32Array.of(0.5, 7.125, 14.75);
    const expected = scope(() =>
      expectedDistance(tensor(twoBinDistribution(distances, 16), { shape: [3, 16] })).toArray(),
    );
    expect([...expected]).toEqual([...distances]);
  });
});

describe("distributionFocalLoss", () => {
  it("is the weighted cross-entropy averaged over the sides", () => {
    const loss = scope(() => {
      const logits = tensor(
        Float32Array.from({ length: 4 * 4 }, (_, i) => i % 4),
        { shape: [1, 4, 4] },
      );
      const targets = tensor(twoBinDistribution(Float32Array.of(0, 1, 2, 1.5), 4), { shape: [1, 4, 4] });
      return distributionFocalLoss(logits.log_softmax(-1), targets).item();
    });
    const logSum = Math.log(1 + Math.E + Math.E ** 2 + Math.E ** 3);
    expect(loss).toBeCloseTo(logSum - (0 + 1 + 2 + 1.5) / 4, 5);
  });
});
