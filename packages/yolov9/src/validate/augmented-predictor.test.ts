import { describe, expect, it } from "vitest";
import { AugmentedPredictor } from "./augmented-predictor.js";
import type { PredictionInput, Predictions, Predictor } from "./predictor.js";

/** Finds the one bright rectangle of each image, exactly, with a score of its own for each call. */
class BrightnessPredictor implements Predictor {
  readonly engine = "none";
  readonly classCount = 1;
  readonly names = ["bright"];
  readonly inputSize = undefined;
  readonly seen: { width: number; height: number }[] = [];

  predict({ images, batchSize, width, height }: PredictionInput): Promise<Predictions> {
    this.seen.push({ width, height });
    const values = new Float32Array(batchSize * 5);
    for (let image = 0; image < batchSize; image++) {
      const plane = images.subarray(image * 3 * width * height, (image * 3 + 1) * width * height);
      const inside = Array.from(plane, (level, at) => ({ level, x: at % width, y: Math.floor(at / width) })).filter(
        ({ level }) => level > 180,
      );
      const [xs, ys] = [inside.map(({ x }) => x), inside.map(({ y }) => y)];
      const [left, top] = [Math.min(...xs), Math.min(...ys)];
      const [right, bottom] = [Math.max(...xs) + 1, Math.max(...ys) + 1];
      const box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
      values.set([...box, this.seen.length / 10], image * 5);
    }
    return Promise.resolve({ values, anchors: 1 });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A bright rectangle in an oblong dark image. */
function bright(width: number, height: number, [x, y, w, h]: readonly [number, number, number, number]): Uint8Array {
  const plane = new Uint8Array(width * height).fill(20);
  for (let row = y; row < y + h; row++) plane.fill(240, row * width + x, row * width + x + w);
  return Uint8Array.from([...plane, ...plane, ...plane]);
}

describe("AugmentedPredictor", () => {
  it("brings boxes of mirrored and smaller looks back onto the object, on either axis", async () => {
    const inner = new BrightnessPredictor();
    const predictor = new AugmentedPredictor(inner);
    const images = Uint8Array.from([...bright(128, 64, [10, 20, 40, 30]), ...bright(128, 64, [80, 4, 30, 50])]);
    const { values, anchors } = await predictor.predict({ images, batchSize: 2, width: 128, height: 64 });
    expect(anchors).toBe(3);
    // 0.83 and 0.67 of 128 x 64, in whole cells of 32.
    expect(inner.seen).toEqual([
      { width: 128, height: 64 },
      { width: 128, height: 64 },
      { width: 96, height: 64 },
    ]);
    for (const [image, box] of [
      [0, [30, 35, 40, 30]],
      [1, [95, 29, 30, 50]],
    ] as const) {
      for (const [channel, expected] of box.entries()) {
        const row = values.subarray((image * 5 + channel) * 3, (image * 5 + channel) * 3 + 3);
        expect(row[0]).toBe(expected);
        for (const value of row) expect(Math.abs(value - expected)).toBeLessThan(2);
      }
      const scores = values.subarray((image * 5 + 4) * 3, (image * 5 + 5) * 3);
      expect(Array.from(scores, (score) => Math.round(score * 10))).toEqual([1, 2, 3]);
    }
  });

  it("refuses a model that suppresses boxes itself", () => {
    const suppression = { confidence: 0.25, iou: 0.45, maxDetections: 300, multiLabel: false };
    const inner = Object.assign(new BrightnessPredictor(), { suppression });
    expect(() => new AugmentedPredictor(inner)).toThrow("exported without --nms");
  });
});
