import { scope, tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { ciou, positiveCiou } from "./ciou.js";

const A = [0, 0, 10, 10, 0, 0, 10, 10, 0, 0, 4, 2, 3, 1, 9, 8, 0, 0, 1, 1];
const B = [0, 0, 10, 10, 5, 0, 15, 10, 0, 0, 2, 4, 2, 2, 7, 9, 9, 9, 11, 10];
const COUNT = A.length / 4;

const boxes = (values: readonly number[], dtype: "float32" | "float64" = "float32"): Tensor =>
  tensor(Float64Array.from(values), { shape: [values.length / 4, 4], dtype });

describe("ciou", () => {
  it("is 1 for equal boxes, and overlap less distance and aspect terms otherwise", () => {
    const values = scope(() => ciou(boxes(A, "float64"), boxes(B, "float64")).toArray());
    expect(values[0]).toBeCloseTo(1, 6);
    // Shifted by half: IoU 1/3; centres 5 apart in a 15 x 10 enclosure: 25/325; equal aspect.
    expect(values[1]).toBeCloseTo(1 / 3 - 25 / 325, 6);
    // 4 x 2 across 2 x 4: IoU 4/12; centres (2,1) and (1,2): 2/32; v = 4/π² (atan ½ - atan 2)², α = v/(v - IoU + 1).
    const v = (4 / Math.PI ** 2) * (Math.atan(0.5) - Math.atan(2)) ** 2;
    expect(values[2]).toBeCloseTo(1 / 3 - 2 / 32 - (v * v) / (v - 1 / 3 + 1), 6);
    expect(values[4]).toBeLessThan(-0.5);
  });

  it("gives the same number for single boxes, where it is positive", () => {
    const values = scope(() => ciou(boxes(A), boxes(B)).toArray());
    for (let i = 0; i < COUNT; i++) {
      const expected = Math.max(0, Number(values[i]));
      expect(positiveCiou(Float32Array.from(A), i, Float32Array.from(B), i)).toBeCloseTo(expected, 5);
    }
  });

  it("has the gradient of finite differences, with the aspect weight held constant", () => {
    // Boxes of equal aspect have no aspect term, so that holding its weight constant changes nothing.
    const a = [1, 2, 7, 8.5, 0, 0, 3, 5];
    const b = [2, 1, 9, 8.583333333333334, 0.5, 1, 4.1, 7];
    const value = (sides: readonly number[]) =>
      scope(() => ciou(boxes(sides, "float64"), boxes(b, "float64")).sum().item());
    const gradient = scope(() => {
      const leaf = boxes(a, "float64");
      leaf.requiresGrad = true;
      ciou(leaf, boxes(b, "float64")).sum().backward();
      return Array.from(leaf.grad!.toArray(), Number);
    });
    a.forEach((side, i) => {
      const step = 1e-5;
      const moved = (by: number) => value(a.with(i, side + by));
      expect(gradient[i]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 3);
    });
  });

  it("refuses anything but rows of four", () => {
    expect(() => scope(() => ciou(tensor(new Float32Array(6), { shape: [2, 3] }), boxes(B)))).toThrow(/\[2, 3\]/);
  });
});
