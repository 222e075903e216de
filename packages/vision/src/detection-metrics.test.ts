import { describe, expect, it } from "vitest";
import { detectionMetrics } from "./detection-metrics.js";

function square(x: number, y: number, side: number): number[] {
  return [x, y, x + side, y + side];
}

describe("detectionMetrics", () => {
  it("measures the area under the interpolated envelope", () => {
    // Hit, miss, hit on two objects. Trapezoids: 0.49 at 1, one falling to 2/3 at recall 0.5, 0.49 at 2/3, one falling to 0.
    const metrics = detectionMetrics(
      [{ boxes: [...square(0, 0, 50), ...square(100, 0, 50)], classes: [0, 0] }],
      [
        {
          boxes: [...square(0, 0, 50), ...square(300, 0, 50), ...square(100, 0, 50)],
          classes: [0, 0, 0],
          scores: [0.9, 0.8, 0.7],
        },
      ],
    );
    const expected = 0.49 + (0.01 * (1 + 2 / 3)) / 2 + 0.49 * (2 / 3) + (0.01 * (2 / 3)) / 2;
    expect(metrics.AP50).toBeCloseTo(expected, 12);
    expect(metrics.AP).toBeCloseTo(expected, 12);
    // All three detections together have the best F1: precision 2/3 at recall 1.
    expect(metrics.precision).toBeCloseTo(2 / 3, 12);
    expect(metrics.recall).toBe(1);
    expect(metrics.f1).toBeCloseTo(0.8, 12);
    expect(metrics.confidence).toBeLessThan(0.7);
  });

  it("gives precision and recall at the confidence where F1 is best", () => {
    // Ten hits at 0.8 and ninety misses at 0.2.
    const boxes = Array.from({ length: 10 }, (_, i) => square(i * 60, 0, 50)).flat();
    const misses = Array.from({ length: 90 }, () => square(0, 500, 50)).flat();
    const metrics = detectionMetrics(
      [{ boxes, classes: Array<number>(10).fill(1) }],
      [
        {
          boxes: [...misses, ...boxes],
          classes: Array<number>(100).fill(1),
          scores: [...Array<number>(90).fill(0.2), ...Array<number>(10).fill(0.8)],
        },
      ],
    );
    expect(metrics.precision).toBeGreaterThan(0.9);
    expect(metrics.recall).toBe(1);
    expect(metrics.confidence).toBeGreaterThan(0.6);
    expect(metrics.confidence).toBeLessThan(0.8);
  });

  it("gives an object to the better-scored of two detections, even if the other overlaps more", () => {
    const metrics = detectionMetrics(
      [{ boxes: square(0, 0, 100), classes: [0] }],
      [{ boxes: [0, 0, 100, 100, 0, 0, 100, 60], classes: [0, 0], scores: [0.3, 0.9] }],
    );
    // At 0.5, 0.55 and 0.6 the first detection hits; above, it misses and the second one hits at precision 1/2.
    expect(metrics.AP50).toBeCloseTo(0.995, 12);
    const late = detectionMetrics(
      [{ boxes: square(0, 0, 100), classes: [0] }],
      [{ boxes: [...square(500, 500, 9), ...square(0, 0, 100)], classes: [0, 0], scores: [0.9, 0.3] }],
    ).AP50;
    expect(metrics.AP).toBeCloseTo(0.3 * 0.995 + 0.7 * late, 12);
  });

  it("averages over classes that have objects, and leaves crowds out", () => {
    const metrics = detectionMetrics(
      [
        {
          boxes: [...square(0, 0, 50), ...square(100, 0, 50), ...square(200, 0, 50)],
          classes: [4, 2, 2],
          crowd: [0, 0, 1],
        },
      ],
      [{ boxes: [...square(0, 0, 50), ...square(0, 0, 50)], classes: [4, 9], scores: [0.9, 0.9] }],
    );
    expect(metrics.perClass.map(({ classId, objects }) => [classId, objects])).toEqual([
      [2, 1],
      [4, 1],
    ]);
    expect(metrics.perClass[0]!.AP50).toBe(0);
    expect(metrics.perClass[1]!.AP50).toBeCloseTo(0.995, 12);
    expect(metrics.AP50).toBeCloseTo(0.995 / 2, 12);
    expect(metrics.objects).toBe(2);
  });

  it("is 0 everywhere without objects or without detections", () => {
    const nothing = { boxes: [], classes: [], scores: [] };
    const zero = { precision: 0, recall: 0, f1: 0, AP50: 0, AP: 0 };
    expect(detectionMetrics([], [])).toMatchObject({ ...zero, perClass: [] });
    expect(detectionMetrics([{ boxes: square(0, 0, 9), classes: [0] }], [nothing])).toMatchObject(zero);
  });
});
