import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boxIou } from "./boxes.js";
import { nonMaxSuppression, type Detections, type NmsMethod, type NmsOptions } from "./nms.js";

interface Row {
  /** cx cy w h */
  readonly box: readonly number[];
  readonly scores: readonly number[];
}

/** Channel-major predictions from one row an anchor. */
function predictionsOf(rows: readonly Row[], classCount: number): Float32Array {
  const out = new Float32Array((4 + classCount) * rows.length);
  for (const [a, { box, scores }] of rows.entries()) {
    for (const [c, value] of [...box, ...scores].entries()) out[c * rows.length + a] = value;
  }
  return out;
}

function suppressRows(rows: readonly Row[], options: Partial<NmsOptions> = {}): Detections {
  const classCount = rows[0]?.scores.length ?? 1;
  return nonMaxSuppression(predictionsOf(rows, classCount), { classCount, anchors: rows.length, ...options });
}

type Chosen = Required<Omit<NmsOptions, "anchors" | "classes" | "method" | "sigma">>;

/** Candidates by the definition, best first. */
function candidatesOf(rows: readonly Row[], options: Chosen) {
  const threshold = Math.fround(options.confidence);
  const candidates = rows.flatMap(({ box, scores }) => {
    const [cx, cy, w, h] = box as [number, number, number, number];
    const corners = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2].map(Math.fround);
    const labels = scores.map((score, classId) => ({ corners, score: Math.fround(score), classId }));
    const top = labels.reduce((a, b) => (b.score > a.score ? b : a));
    return (options.multiLabel ? labels : [top]).filter(({ score }) => score > threshold);
  });
  return candidates.sort((a, b) => b.score - a.score).slice(0, options.maxCandidates);
}

/** The definition, as slow as it is plain. */
function bruteForce(rows: readonly Row[], options: Chosen) {
  const candidates = candidatesOf(rows, options);
  const kept: typeof candidates = [];
  for (const candidate of candidates) {
    const rivals = kept.filter(({ classId }) => options.agnostic || classId === candidate.classId);
    if (rivals.every((rival) => boxIou(rival.corners, 0, candidate.corners, 0) <= options.iou)) kept.push(candidate);
  }
  return kept.slice(0, options.maxDetections);
}

/** Soft suppression by its definition: the best is kept, all others fall, and so on. */
function bruteForceSoft(rows: readonly Row[], options: Chosen, decay: (iou: number) => number) {
  const threshold = Math.fround(options.confidence);
  let left = candidatesOf(rows, options);
  const kept: typeof left = [];
  while (left.length > 0 && kept.length < options.maxDetections) {
    const best = left.reduce((a, b) => (b.score > a.score ? b : a));
    kept.push(best);
    left = left
      .filter((candidate) => candidate !== best)
      .map((candidate) => {
        const rival = options.agnostic || candidate.classId === best.classId;
        if (!rival) return candidate;
        return { ...candidate, score: candidate.score * decay(boxIou(best.corners, 0, candidate.corners, 0)) };
      })
      .filter(({ score }) => score > threshold);
  }
  return kept;
}

/** Matrix suppression by its definition. */
function bruteForceMatrix(rows: readonly Row[], options: Chosen, sigma: number) {
  const candidates = candidatesOf(rows, options);
  const iouOf = (i: number, j: number) =>
    options.agnostic || candidates[i]!.classId === candidates[j]!.classId
      ? boxIou(candidates[i]!.corners, 0, candidates[j]!.corners, 0)
      : 0;
  const before = (j: number) => Array.from({ length: j }, (_, i) => i);
  return candidates
    .map((candidate, j) => {
      const decays = before(j).map((i) => {
        const compensation = Math.max(0, ...before(i).map((k) => iouOf(k, i)));
        return Math.exp(-(iouOf(i, j) ** 2) / sigma) / Math.exp(-(compensation ** 2) / sigma);
      });
      return { ...candidate, score: candidate.score * Math.min(1, ...decays) };
    })
    .filter(({ score }) => score > Math.fround(options.confidence))
    .sort((a, b) => b.score - a.score)
    .slice(0, options.maxDetections);
}

describe("nonMaxSuppression", () => {
  it("keeps the better of two boxes that overlap by more than the threshold", () => {
    const found = suppressRows([
      { box: [10, 10, 10, 10], scores: [0.5] },
      { box: [11, 10, 10, 10], scores: [0.75] },
      { box: [40, 10, 10, 10], scores: [0.25] },
    ]);
    expect([...found.boxes]).toEqual([6, 5, 16, 15, 35, 5, 45, 15]);
    expect([...found.scores]).toEqual([0.75, 0.25]);
    expect([...found.classes]).toEqual([0, 0]);
    expect(found.count).toBe(2);
  });

  it("keeps a box that overlaps by exactly the threshold", () => {
    const rows = [
      { box: [2, 1, 4, 2], scores: [0.9] },
      { box: [1, 1, 2, 2], scores: [0.8] },
    ];
    expect(suppressRows(rows, { iou: 0.5 }).count).toBe(2);
    expect(suppressRows(rows, { iou: 0.49 }).count).toBe(1);
  });

  it("drops a score that equals the confidence", () => {
    const rows = [{ box: [5, 5, 2, 2], scores: [0.1, 0.25] }];
    expect([...suppressRows(rows, { confidence: 0.1 }).classes]).toEqual([1]);
  });

  it("gives an anchor one box a class, or its best class only", () => {
    const rows = [{ box: [5, 5, 2, 2], scores: [0.5, 0.75, 0] }];
    expect([...suppressRows(rows).classes]).toEqual([1, 0]);
    expect([...suppressRows(rows, { multiLabel: false }).classes]).toEqual([1]);
  });

  it("lets classes overlap unless told to be agnostic", () => {
    const rows = [
      { box: [5, 5, 4, 4], scores: [0.9, 0] },
      { box: [5, 5, 4, 4], scores: [0, 0.8] },
    ];
    expect(suppressRows(rows).count).toBe(2);
    expect([...suppressRows(rows, { agnostic: true }).classes]).toEqual([0]);
  });

  it("keeps overlapping boxes when told to suppress none, the best first and no more than asked for", () => {
    const rows = [0.4, 0.9, 0.6].map((score) => ({ box: [20, 20, 10, 10], scores: [score] }));
    const scores = (options: Partial<NmsOptions>) => [...suppressRows(rows, options).scores].map((x) => x.toFixed(1));
    expect(scores({})).toEqual(["0.9"]);
    expect(scores({ method: "none" })).toEqual(["0.9", "0.6", "0.4"]);
    expect(scores({ method: "none", maxDetections: 2 })).toEqual(["0.9", "0.6"]);
  });

  it("keeps only the wanted classes", () => {
    const rows = [{ box: [5, 5, 2, 2], scores: [0.5, 0.75, 0.25] }];
    expect([...suppressRows(rows, { classes: [2, 0] }).classes]).toEqual([0, 2]);
    expect(suppressRows(rows, { classes: [0], multiLabel: false }).count).toBe(0);
  });

  it("ignores NaN scores", () => {
    expect(suppressRows([{ box: [5, 5, 2, 2], scores: [NaN] }]).count).toBe(0);
  });

  it("agrees with the plain definition, ties and limits included", () => {
    const coordinate = fc.integer({ min: 0, max: 12 });
    const side = fc.integer({ min: 0, max: 8 });
    const score = fc.integer({ min: 0, max: 16 }).map((n) => n / 16);
    const row = fc.record({
      box: fc.tuple(coordinate, coordinate, side, side),
      scores: fc.tuple(score, score, score),
    });
    const options = fc.record({
      confidence: fc.constantFrom(0, 0.001, 0.25, 0.5),
      iou: fc.constantFrom(0, 0.25, 0.5, 0.7, 1),
      maxDetections: fc.constantFrom(1, 5, 300),
      maxCandidates: fc.constantFrom(1, 7, 30, 30000),
      multiLabel: fc.boolean(),
      agnostic: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), options, (rows, chosen) => {
        const found = suppressRows(rows, chosen);
        const expected = bruteForce(rows, { classCount: 3, ...chosen });
        expect([...found.scores]).toEqual(expected.map(({ score: s }) => s));
        expect([...found.classes]).toEqual(expected.map(({ classId }) => classId));
        expect([...found.boxes]).toEqual(expected.flatMap(({ corners }) => corners));
      }),
      { numRuns: 500 },
    );
  });

  const chosen = fc.record({
    confidence: fc.constantFrom(0.001, 0.25),
    iou: fc.constantFrom(0, 0.1, 0.2, 0.21, 0.3, 0.45, 0.5, 0.65, 0.7, 0.9, 1),
    maxDetections: fc.constantFrom(3, 300),
    maxCandidates: fc.constantFrom(20, 30000),
    multiLabel: fc.boolean(),
    agnostic: fc.boolean(),
  });
  /** Boxes of real numbers, many of them near one another; scores that differ. */
  const crowd = fc
    .array(
      fc.record({
        centre: fc.integer({ min: 0, max: 3 }),
        shift: fc.tuple(fc.double({ min: -6, max: 6, noNaN: true }), fc.double({ min: -6, max: 6, noNaN: true })),
        size: fc.tuple(fc.double({ min: 4, max: 40, noNaN: true }), fc.double({ min: 4, max: 40, noNaN: true })),
        scores: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      }),
      { minLength: 1, maxLength: 60 },
    )
    .map((boxes) =>
      boxes.map(({ centre, shift: [x, y], size, scores }) => ({
        box: [20 + 15 * centre + x, 20 + 25 * centre + y, ...size].map(Math.fround),
        scores,
      })),
    );

  it("agrees with the plain definition on crowded boxes of any size and place", () => {
    fc.assert(
      fc.property(crowd, chosen, (rows, options) => {
        const expected = bruteForce(rows, { classCount: 2, ...options });
        const found = suppressRows(rows, options);
        expect([...found.scores]).toEqual(expected.map(({ score }) => score));
        expect([...found.boxes]).toEqual(expected.flatMap(({ corners }) => corners));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["soft-linear", (rows, options) => bruteForceSoft(rows, options, (iou) => (iou > options.iou ? 1 - iou : 1))],
    ["soft-gaussian", (rows, options) => bruteForceSoft(rows, options, (iou) => Math.exp(-(iou ** 2) / 0.3))],
    ["matrix", (rows, options) => bruteForceMatrix(rows, options, 0.3)],
  ] as const satisfies readonly (readonly [NmsMethod, (rows: readonly Row[], options: Chosen) => unknown])[])(
    "agrees with the plain definition of %s",
    (method, definition) => {
      fc.assert(
        fc.property(crowd, chosen, (rows, options) => {
          const expected = definition(rows, { classCount: 2, ...options });
          const found = suppressRows(rows, { ...options, method, sigma: 0.3 });
          expect(found.count).toBe(expected.length);
          for (const [i, { score, classId }] of expected.entries()) {
            expect(Math.abs(found.scores[i]! - score)).toBeLessThan(1e-6);
            expect(found.classes[i]).toBe(classId);
          }
        }),
        { numRuns: 200 },
      );
    },
  );

  it("lowers the score of a box that overlaps a better one instead of dropping it", () => {
    // IoU 0.6 of two boxes, one of another class untouched.
    const rows = [
      { box: [50, 50, 100, 100], scores: [0.9, 0] },
      { box: [50 + 25, 50, 100, 100], scores: [0.8, 0] },
      { box: [50, 50, 100, 100], scores: [0, 0.7] },
    ];
    const linear = suppressRows(rows, { method: "soft-linear", iou: 0.5 });
    expect([...linear.classes]).toEqual([0, 1, 0]);
    expect(linear.scores[2]).toBeCloseTo(0.8 * 0.4, 6);
    expect([...suppressRows(rows, { method: "soft-linear", iou: 0.6 }).scores]).toEqual(
      [0.9, 0.8, 0.7].map(Math.fround),
    );
    const gaussian = suppressRows(rows, { method: "soft-gaussian", sigma: 0.5 });
    expect(gaussian.scores[2]).toBeCloseTo(0.8 * Math.exp(-0.72), 6);
    expect(suppressRows(rows, { method: "matrix", sigma: 0.5 }).scores[2]).toBeCloseTo(0.8 * Math.exp(-0.72), 6);
    expect(suppressRows(rows, { method: "soft-linear", iou: 0.5, confidence: 0.5 }).count).toBe(2);
  });

  it("keeps boxes with coordinates that are no numbers apart from the rest", () => {
    const rows = [
      { box: [NaN, 5, 10, 10], scores: [0.9] },
      { box: [5, 5, 10, 10], scores: [0.8] },
      { box: [5, 5, Infinity, 10], scores: [0.7] },
      { box: [5, 5, 10, 10], scores: [0.6] },
    ];
    expect([...suppressRows(rows).scores]).toEqual([0.9, 0.8, 0.7].map(Math.fround));
  });

  it("refuses predictions of another shape, and thresholds that are percentages", () => {
    expect(() => nonMaxSuppression(new Float32Array(11), { classCount: 2, anchors: 2 })).toThrow(
      "2 classes and 2 anchors are 12 numbers",
    );
    const predictions = new Float32Array(12);
    expect(() => nonMaxSuppression(predictions, { classCount: 2, anchors: 2, confidence: 25 })).toThrow(
      "confidence 25",
    );
    expect(() => nonMaxSuppression(predictions, { classCount: 2, anchors: 2, iou: -1 })).toThrow("IoU threshold -1");
  });
});
