import { describe, expect, it } from "vitest";
import { checkWanted, detectionsOfRows } from "./detection-rows.js";

const ROWS = Float32Array.from([
  ...[1, 2, 3, 4, 0.9, 1],
  ...[5, 6, 7, 8, 0.5, 0],
  ...[9, 10, 11, 12, 0.25, 1],
  ...[0, 0, 0, 0, 0, 0],
]);

describe("detectionsOfRows", () => {
  it("leaves out the rows that fill up", () => {
    const { boxes, scores, classes, count } = detectionsOfRows(ROWS);
    expect(count).toBe(3);
    expect([...boxes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect([...scores]).toEqual([...Float32Array.of(0.9, 0.5, 0.25)]);
    expect([...classes]).toEqual([1, 0, 1]);
  });

  it("filters by score, class and number", () => {
    expect([...detectionsOfRows(ROWS, { confidence: 0.25 }).classes]).toEqual([1, 0]);
    expect([...detectionsOfRows(ROWS, { classes: [1] }).boxes]).toEqual([1, 2, 3, 4, 9, 10, 11, 12]);
    expect(detectionsOfRows(ROWS, { maxDetections: 1 }).count).toBe(1);
  });
});

describe("checkWanted", () => {
  const card = { confidence: 0.25, iou: 0.45, maxDetections: 300, multiLabel: false };

  it("accepts what the graph does, and a higher confidence", () => {
    expect(() => {
      checkWanted(card, { confidence: 0.5, iou: 0.45, method: "greedy", agnostic: false });
    }).not.toThrow();
  });

  it.each([
    [{ confidence: 0.1 }, "a confidence of 0.1 is not possible"],
    [{ iou: 0.7 }, "an IoU of 0.7"],
    [{ agnostic: true }, "suppression across classes"],
    [{ multiLabel: true }, "multi-label true"],
    [{ method: "matrix" }, 'the method "matrix"'],
  ])("refuses %j, which only another export could do", (wanted, message) => {
    expect(() => {
      checkWanted(card, wanted);
    }).toThrow(message);
  });
});
