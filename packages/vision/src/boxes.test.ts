import { describe, expect, it } from "vitest";
import { boxIou, cxcywhToXyxy, pairwiseIou, xyxyToCxcywh } from "./boxes.js";

describe("boxes", () => {
  it("converts centres to corners and back", () => {
    const centres = [10, 20, 4, 6, 0.5, 0.25, 1, 0.5];
    const corners = cxcywhToXyxy(centres);
    expect([...corners]).toEqual([8, 17, 12, 23, 0, 0, 1, 0.5]);
    expect([...xyxyToCxcywh(corners)]).toEqual(centres);
  });

  it("gives a quarter overlap of two unit-shifted squares an IoU of 1/7", () => {
    expect(boxIou([0, 0, 2, 2], 0, [1, 1, 3, 3], 0)).toBeCloseTo(1 / 7, 15);
  });

  it("gives boxes that touch, are apart, or have no area an IoU of 0", () => {
    expect(boxIou([0, 0, 2, 2], 0, [2, 0, 4, 2], 0)).toBe(0);
    expect(boxIou([0, 0, 2, 2], 0, [5, 5, 6, 6], 0)).toBe(0);
    expect(boxIou([1, 1, 1, 1], 0, [1, 1, 1, 1], 0)).toBe(0);
    expect(boxIou([3, 3, 1, 1], 0, [0, 0, 4, 4], 0)).toBe(0);
  });

  it("lays pairwise IoUs out with one row for each box of the first set", () => {
    const ious = pairwiseIou([0, 0, 2, 2, 0, 0, 4, 4], [0, 0, 2, 2, 0, 0, 4, 2, 9, 9, 10, 10]);
    expect([...ious]).toEqual([1, 0.5, 0, 0.25, 0.5, 0]);
  });
});
