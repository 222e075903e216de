import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { evaluateBoxes } from "./coco-evaluator.js";
import type { CocoFigures } from "./coco-figures.js";
import { evaluationInputFromCoco } from "./coco-json.js";
import type { CocoAnnotations, CocoDetection } from "./coco-rows.js";

const FIXTURES = new URL("../../../../shared/fixtures/coco-eval/", import.meta.url);
const fixturesPresent = existsSync(FIXTURES);
if (!fixturesPresent) console.info("skipping COCO evaluator fixtures: ../shared/fixtures/coco-eval is not there");

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FIXTURES), "utf8"));
}

describe.skipIf(!fixturesPresent)("evaluateBoxes against the COCO API's print-out", () => {
  it.each([
    ["gt-100images.json", "bbox-100images.json"],
    ["gt-3images.json", "dt-3images.json"],
  ])("gives the same figures for %s and %s", (truthFile, detectionFile) => {
    const expected = read("expected.json") as Record<string, Record<string, number>>;
    const figures = expected[`${truthFile} + ${detectionFile} (iouType bbox)`]!;
    const input = evaluationInputFromCoco(read(truthFile) as CocoAnnotations, read(detectionFile) as CocoDetection[]);
    const result = evaluateBoxes(input.truths, input.detections, { boxFormat: "xywh" });
    expect(Object.keys(figures).length).toBeGreaterThan(0);
    for (const [name, value] of Object.entries(figures)) {
      // A few figures were noted with four decimals only.
      const tolerance = value === Number(value.toFixed(4)) ? 5e-5 : 1e-9;
      expect(Math.abs(result[name as keyof CocoFigures] - value), name).toBeLessThan(tolerance);
    }
  });
});

/** Corners of a square of `side` pixels at x, y. */
function square(x: number, y: number, side: number): number[] {
  return [x, y, x + side, y + side];
}

describe("evaluateBoxes", () => {
  it("samples the precision envelope at 101 recalls", () => {
    // Hit, miss, hit on two objects: precision 1 up to recall 0.5 (51 points), then 2/3 (50 points).
    const result = evaluateBoxes(
      [{ boxes: [...square(0, 0, 50), ...square(100, 0, 50)], classes: [0, 0] }],
      [
        {
          boxes: [...square(0, 0, 50), ...square(300, 0, 50), ...square(100, 0, 50)],
          classes: [0, 0, 0],
          scores: [0.9, 0.8, 0.7],
        },
      ],
    );
    const expected = (51 + 50 * (2 / 3)) / 101;
    expect(result.AP).toBeCloseTo(expected, 12);
    expect(result.AP50).toBeCloseTo(expected, 12);
    expect(result.APm).toBeCloseTo(expected, 12);
    expect([result.APs, result.APl, result.ARs]).toEqual([-1, -1, -1]);
    expect([result.AR1, result.AR10, result.AR100]).toEqual([0.5, 1, 1]);
    expect(result.perClass).toHaveLength(1);
    expect(result.perClass[0]).toMatchObject({ classId: 0, objects: 2, AP: result.AP, AR1: 0.5 });
  });

  it("counts an overlap of 0.8 at seven of the ten thresholds", () => {
    const result = evaluateBoxes(
      [{ boxes: [0, 0, 100, 100], classes: [3] }],
      [{ boxes: [0, 0, 80, 100], classes: [3], scores: [0.5] }],
    );
    expect(result.AP).toBeCloseTo(0.7, 12);
    expect([result.AP50, result.AP75]).toEqual([1, 1]);
  });

  it("neither rewards nor punishes detections on a crowd", () => {
    const truth = { boxes: [...square(0, 0, 50), 200, 0, 600, 400], classes: [0, 0], crowd: [0, 1] };
    const onCrowd = [...square(220, 20, 50), ...square(400, 100, 50)];
    const result = evaluateBoxes(
      [truth],
      [{ boxes: [...onCrowd, ...square(0, 0, 50)], classes: [0, 0, 0], scores: [0.9, 0.8, 0.1] }],
    );
    expect(result.AP).toBe(1);
    expect(result.perClass[0]!.objects).toBe(1);
  });

  it("does not blame a large detection for missing small objects", () => {
    const result = evaluateBoxes(
      [{ boxes: square(0, 0, 20), classes: [0] }],
      [{ boxes: [...square(100, 100, 200), ...square(0, 0, 20)], classes: [0, 0], scores: [0.9, 0.5] }],
    );
    expect(result.AP).toBe(0.5);
    expect(result.APs).toBe(1);
  });

  it("takes given areas rather than those of the boxes", () => {
    const result = evaluateBoxes(
      [{ boxes: square(0, 0, 100), classes: [0], areas: [500] }],
      [{ boxes: square(0, 0, 100), classes: [0], scores: [0.9] }],
    );
    expect([result.APs, result.APm, result.APl]).toEqual([1, -1, -1]);
  });

  it("leaves classes without objects out of the mean but lists them", () => {
    const result = evaluateBoxes(
      [{ boxes: square(0, 0, 50), classes: [2] }],
      [{ boxes: [...square(0, 0, 50), ...square(0, 0, 50)], classes: [7, 2], scores: [0.9, 0.8] }],
    );
    expect(result.AP).toBe(1);
    expect(result.perClass.map(({ classId, AP }) => [classId, AP])).toEqual([
      [2, 1],
      [7, -1],
    ]);
  });

  it("looks at 100 detections of a class in a picture", () => {
    const misses = Array.from({ length: 100 }, () => square(300, 300, 50)).flat();
    const result = evaluateBoxes(
      [{ boxes: square(0, 0, 50), classes: [0] }],
      [
        {
          boxes: [...misses, ...square(0, 0, 50)],
          classes: Array<number>(101).fill(0),
          scores: [...Array<number>(100).fill(0.9), 0.1],
        },
      ],
    );
    expect(result.AR100).toBe(0);
  });

  it("gives -1 for pictures without objects and refuses lists of different length", () => {
    expect(evaluateBoxes([], []).AP).toBe(-1);
    expect(() => evaluateBoxes([{ boxes: [], classes: [] }], [])).toThrow("truth of 1 pictures but detections of 0");
    const flags = { boxes: [0, 0, 9, 9], classes: [0], uncredited: [] };
    expect(() => evaluateBoxes([flags], [{ boxes: [], classes: [], scores: [] }])).toThrow("1 flags and areas");
    expect(() => evaluateBoxes([{ boxes: [1, 2, 3], classes: [0] }], [{ boxes: [], classes: [], scores: [] }])).toThrow(
      "truth of picture 0: 1 classes need 4 box numbers",
    );
  });
});
