import { manualSeed, rand, scope, setNumThreads } from "@yolov9/torch";
import type { Detections } from "@yolov9/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModel } from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { keepSome, type CalibrationImage } from "./calibrate.js";
import { exportModel } from "./export-model.js";
import { detectionAgreement, fileAgreement } from "./file-agreement.js";
import { precisionTable } from "./verification-table.js";
import { outputDifference } from "./verify-export.js";

const size = { batch: 2, height: 64, width: 96 };

async function* pictures(count: number): AsyncGenerator<CalibrationImage> {
  for (let i = 0; i < count; i++) {
    const pixels = scope(() => rand([3, 64, 96]).toArray() as Float32Array);
    yield await Promise.resolve({ pixels, height: 64, width: 96 });
  }
}

/** Rows x1 y1 x2 y2 score class. */
function detections(...rows: number[][]): Detections {
  return {
    boxes: Float32Array.from(rows.flatMap((row) => row.slice(0, 4))),
    scores: Float32Array.from(rows, (row) => row[4]!),
    classes: Int32Array.from(rows, (row) => row[5]!),
    count: rows.length,
  };
}

beforeAll(() => {
  manualSeed(11);
  setNumThreads(1);
});

describe("detectionAgreement", () => {
  it("matches detections of a class that overlap by half, each once", () => {
    const wanted = detections([0, 0, 10, 10, 0.75, 0], [20, 0, 30, 10, 0.5, 1], [40, 0, 50, 10, 0.5, 0]);
    const actual = detections(
      [0, 0, 10, 8, 0.5, 0], // IoU 0.8
      [0, 0, 10, 10, 0.375, 0], // taken already
      [20, 0, 30, 10, 0.375, 0], // another class
      [40, 0, 50, 10, 0.5, 0],
    );
    const agreement = detectionAgreement([
      [wanted, actual],
      [detections([0, 0, 10, 10, 0.5, 0]), detections()],
    ]);
    expect(agreement).toMatchObject({ detections: 4, found: 2, others: 2, share: 0.5 });
    expect(agreement.meanIou).toBeCloseTo(0.9);
    expect(agreement).toMatchObject({ meanScoreDifference: 0.125, largestScoreDifference: 0.25 });
  });

  it("has no share of nothing, and no overlap where nothing is found", () => {
    const some = detections([0, 0, 10, 10, 0.5, 0]);
    expect(detectionAgreement([[detections(), some]])).toEqual({ detections: 0, found: 0, others: 1 });
    expect(detectionAgreement([[some, detections()]])).toEqual({ detections: 1, found: 0, others: 0, share: 0 });
  });
});

describe("lower precision", () => {
  it("agrees wholly where it is none", async () => {
    const { file } = await exportModel(buildModel(tinyComposite(), { classCount: 2 }), size);
    const same = { box: 0, score: 0, others: 0, share: 1, meanScoreDifference: 0, largestScoreDifference: 0 };
    const random = await fileAgreement(file, file, [], size);
    expect(random).toMatchObject({ ...same, images: 4, source: "random", found: random.detections });
    expect(random.detections).toBeGreaterThan(4);
    expect(random.meanIou).toBeCloseTo(1, 6);
    const images: CalibrationImage[] = [];
    for await (const image of pictures(3)) images.push(image);
    const calibrated = await fileAgreement(file, file, images, size);
    expect(calibrated).toMatchObject({ ...same, images: 3, source: "calibration", found: calibrated.detections });
    expect(calibrated.meanIou).toBeCloseTo(1, 6);
  });

  it("shows average precision before and after", () => {
    const [reference, file] = [
      { AP: 0.40102, AP50: 0.5 },
      { AP: 0.39604, AP50: 0.5125 },
    ];
    const changes = "AP 0.4010 → 0.3960 (-0.0050), AP50 0.5000 → 0.5125 (+0.0125)";
    expect(precisionTable({ reference, file })).toBe(`float32, unsuppressed → the written file: ${changes}`);
    expect(precisionTable({ reference, file: reference })).toBe("AP 0.4010, AP50 0.5000");
  });
});

describe("outputDifference", () => {
  it("keeps a NaN among numbers", () => {
    const zeros = new Float32Array(10);
    const broken = Float32Array.of(0, NaN, 1, 0, 0, 0, 0, 0, 0.5, 0);
    expect(outputDifference(zeros, broken, 1, 5)).toEqual({ box: NaN, score: 0.5 });
  });
});

describe("keepSome", () => {
  it.each([
    [5, [0, 1, 2, 3, 4]],
    [20, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]],
    [64, Array.from({ length: 16 }, (_, i) => i * 4)],
  ])("passes %d images on and keeps some, spread evenly", async (count, expected) => {
    async function* numbered(): AsyncGenerator<CalibrationImage> {
      for (let i = 0; i < count; i++) {
        yield await Promise.resolve({ pixels: Float32Array.of(i, 0, 0), height: 1, width: 1 });
      }
    }
    const kept: CalibrationImage[] = [];
    let passed = 0;
    for await (const { pixels } of keepSome(numbered(), kept)) expect(pixels[0]).toBe(passed++);
    expect(passed).toBe(count);
    expect(kept.map(({ pixels }) => pixels[0])).toEqual(expected);
  });
});
