import { describe, expect, it } from "vitest";
import { countFound } from "./held-out.js";

const boxes = (...rows: number[][]) => Float32Array.from(rows.flat());

describe("counting what was found", () => {
  const truth = { boxes: boxes([0, 0, 10, 10], [20, 0, 30, 10]), classes: [3, 5] };

  it("wants the right class and an overlap of at least half", () => {
    const detections = { boxes: boxes([0, 0, 10, 9], [20, 0, 24.9, 10]), classes: [3, 5] };
    expect(countFound(truth, detections)).toEqual({ digits: 2, found: 1, wrong: 1 });
    expect(countFound(truth, { ...detections, classes: [5, 5] })).toEqual({ digits: 2, found: 0, wrong: 2 });
  });

  it("matches each digit once: a second box on it is wrong", () => {
    const detections = { boxes: boxes([0, 0, 10, 10], [0, 0, 10, 10]), classes: [3, 3] };
    expect(countFound(truth, detections)).toEqual({ digits: 2, found: 1, wrong: 1 });
  });

  it("counts a scene without detections", () => {
    expect(countFound(truth, { boxes: new Float32Array(0), classes: [] })).toEqual({ digits: 2, found: 0, wrong: 0 });
  });
});
