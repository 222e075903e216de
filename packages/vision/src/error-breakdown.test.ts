import { describe, expect, it } from "vitest";
import { calibration } from "./calibration.js";
import { confusionMatrix } from "./confusion-matrix.js";
import { judgeDetections } from "./detection-verdicts.js";
import { errorBreakdown } from "./error-breakdown.js";

const square = (x: number, y: number, side = 100) => [x, y, x + side, y + side];

/** Two cats and a dog, and a crowd of cats at the right. */
const truth = {
  boxes: [...square(0, 0), ...square(200, 0), ...square(400, 0), ...square(1000, 0, 400)],
  classes: [0, 0, 1, 0],
  crowd: [0, 0, 0, 1],
};

/** Detections from boxes, classes and scores. */
const found = (...rows: readonly (readonly [box: readonly number[], classId: number, score: number])[]) => ({
  boxes: rows.flatMap(([box]) => box),
  classes: rows.map(([, classId]) => classId),
  scores: rows.map(([, , score]) => score),
});

describe("judgeDetections", () => {
  it("names every kind of error", () => {
    const judged = judgeDetections(
      truth,
      found(
        [square(0, 0), 0, 0.9],
        [square(5, 0), 0, 0.8], // again
        [square(250, 0), 0, 0.7], // IoU 1/3 with the second cat
        [square(400, 0), 0, 0.6], // on the dog
        [square(450, 0), 0, 0.5], // IoU 1/3 with the dog
        [square(700, 700), 1, 0.4],
        [square(1100, 100), 0, 0.3],
      ),
    );
    expect(judged.map(({ verdict, object }) => [verdict, object])).toEqual([
      ["hit", 0],
      ["duplicate", 0],
      ["localisation", 1],
      ["classification", 2],
      ["both", 2],
      ["background", -1],
      ["excused", -1],
    ]);
  });
});

describe("errorBreakdown", () => {
  it("finds what the only error costs: put right, AP50 is 1", () => {
    const hits = [[square(0, 0), 0, 0.9], [square(200, 0), 0, 0.8], [square(400, 0), 1, 0.9]] as const; // prettier-ignore
    const perfect = errorBreakdown([truth], [found(...hits)]);
    expect(perfect.AP50).toBe(1);
    expect(Object.values(perfect.errors).every(({ cost, count }) => cost === 0 && count === 0)).toBe(true);

    const displaced = errorBreakdown([truth], [found(hits[0], [square(250, 0), 0, 0.8], hits[2])]);
    // Of two cats one is found, first: 51 of 101 recalls; the dog is found.
    expect(displaced.AP50).toBeCloseTo((51 / 101 + 1) / 2, 12);
    expect(displaced.errors.localisation).toEqual({ count: 1, cost: 1 - displaced.AP50 });
    expect(displaced.errors.missed).toEqual({ count: 0, cost: 0 });

    const confused = errorBreakdown([truth], [found(hits[0], hits[1], [square(400, 0), 0, 0.95])]);
    expect(confused.AP50).toBeCloseTo(2 / 3 / 2, 12);
    expect(confused.errors.classification.cost).toBeCloseTo(1 - confused.AP50, 12);

    const missing = errorBreakdown([truth], [found(hits[0], hits[2])]);
    expect(missing.errors.missed).toEqual({ count: 1, cost: 1 - missing.AP50 });
    expect(missing.falseNegatives).toBeCloseTo(1 - missing.AP50, 12);

    const dreaming = errorBreakdown([truth], [found(...hits, [square(700, 700), 1, 0.99])]);
    expect(dreaming.AP50).toBeCloseTo((1 + 0.5) / 2, 12);
    expect(dreaming.errors.background).toEqual({ count: 1, cost: 0.25 });
    expect(dreaming.falsePositives).toBeCloseTo(0.25, 12);
  });

  it("gives -1 and no costs without objects", () => {
    expect(errorBreakdown([{ boxes: [], classes: [] }], [found([square(0, 0), 0, 0.9])])).toMatchObject({ AP50: -1, falsePositives: 0 }); // prettier-ignore
  });
});

describe("calibration", () => {
  it("compares scores with the share of hits, bin by bin", () => {
    const result = calibration([truth], [
      found([square(0, 0), 0, 0.95], [square(200, 0), 0, 0.55], [square(700, 700), 0, 0.5], [square(1100, 100), 0, 0.9]),
    ]); // prettier-ignore
    expect(result.bins[9]).toEqual({ from: 0.9, to: 1, count: 1, score: 0.95, precision: 1 });
    expect(result.bins[5]).toMatchObject({ count: 2, score: 0.525, precision: 0.5 });
    expect(result.expectedError).toBeCloseTo((0.05 + 2 * 0.025) / 3, 12);
  });
});

describe("confusionMatrix", () => {
  it("pairs by overlap alone and leaves the rest to the background", () => {
    const { size, counts } = confusionMatrix(
      [truth],
      [
        found(
          [square(2, 0), 0, 0.9],
          [square(0, 0), 1, 0.8], // the better pair with the first cat
          [square(400, 0), 0, 0.7],
          [square(700, 0), 1, 0.6],
          [square(1100, 100), 0, 0.5],
          [square(200, 0), 0, 0.2],
        ),
      ],
      { classCount: 2 },
    );
    expect(size).toBe(3);
    // Rows: detected cat, dog, nothing. Columns: a cat, a dog, nothing is there.
    expect([...counts]).toEqual([0, 1, 1, 1, 0, 1, 1, 0, 0]);
  });
});
