import { describe, expect, it } from "vitest";
import { featureScale, quantiseBias, quantiseWeights } from "./integer-scales.js";

describe("featureScale", () => {
  it.each([
    [{ min: 0, max: 1 }, 1 / 255, 0],
    [{ min: -0.5, max: 2.05 }, 0.01, 50],
    [{ min: -5.1, max: -1 }, 0.02, 255],
    [{ min: 3, max: 5.1 }, 0.02, 0],
  ])("spreads %j, with 0 in it, over uint8", (range, scale, zeroPoint) => {
    expect(featureScale(range).scale).toBeCloseTo(scale, 8);
    expect(featureScale(range).zeroPoint).toBe(zeroPoint);
  });

  it("has a scale for a feature that is always zero", () => {
    expect(featureScale({ min: 0, max: 0 }).scale).toBeGreaterThan(0);
  });
});

describe("quantiseWeights", () => {
  it("gives every output channel the finest steps that its largest weight allows", () => {
    const { values, scales } = quantiseWeights(Float32Array.of(127, -64, 0.5, -1.27, 0.64, 0.004), 2);
    expect([...values]).toEqual([127, -64, 1, -127, 64, 0]);
    expect(scales[0]).toBe(1);
    expect(scales[1]).toBeCloseTo(0.01, 8);
  });

  it("stays within 7 bits when asked to, and knows all-zero channels", () => {
    const { values } = quantiseWeights(Float32Array.of(1, -1, 0, 0), 2, 63);
    expect([...values]).toEqual([63, -63, 0, 0]);
  });
});

describe("quantiseBias", () => {
  it("counts in the steps of the products of its channel", () => {
    expect([...quantiseBias(Float32Array.of(1, -1), Float32Array.of(0.5, 0.001))]).toEqual([2, -1000]);
  });
});
