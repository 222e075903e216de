import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory } from "@yolov9/torch";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Sample } from "../data/index.js";
import { lossOfModel } from "../loss/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import {
  cocoResults,
  SingleClassPredictor,
  squareInput,
  validate,
  validateModel,
  type PredictionInput,
  type Predictor,
} from "./index.js";
import { resultSummary, resultTable } from "./result.js";

/** Two pictures of 200 × 100 pixels that become 64 × 32 inside a square of 64. */
const WIDTH = 200;
const HEIGHT = 100;
const SCALE = 64 / WIDTH;
const PAD_TOP = 16;

type Found = [box: [number, number, number, number], score: number, classIndex: number];

/** Predicts given boxes, x1 y1 x2 y2 in source pixels, whatever is in the pictures. */
class FixedPredictor implements Predictor {
  readonly engine = "none";
  readonly classCount = 2;
  readonly names = ["cat", "dog"];
  readonly inputSize = undefined;
  readonly #found: readonly Found[][];
  #next = 0;

  constructor(found: readonly Found[][]) {
    this.#found = found;
  }

  predict({ batchSize }: PredictionInput): Promise<{ values: Float32Array; anchors: number }> {
    const anchors = 8;
    const values = new Float32Array(batchSize * 6 * anchors);
    for (let image = 0; image < batchSize; image++) {
      for (const [anchor, [[x1, y1, x2, y2], score, classIndex]] of (this.#found[this.#next++] ?? []).entries()) {
        const row = [(x1 + x2) / 2, (y1 + y2) / 2 + PAD_TOP / SCALE, x2 - x1, y2 - y1].map((value) => value * SCALE);
        for (const [channel, value] of row.entries()) values[(image * 6 + channel) * anchors + anchor] = value;
        values[(image * 6 + 4 + classIndex) * anchors + anchor] = score;
      }
    }
    return Promise.resolve({ values, anchors });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe("validate", () => {
  let folder = "";
  let samples: Sample[] = [];
  const options = { names: ["cat", "dog"], imageSize: 64, batchSize: 2, workers: 0 };

  function sample(id: number, path: string, rows: [box: number[], classIndex: number, crowd?: 1][]): Sample {
    const boxes = Float32Array.from(rows.flatMap(([box]) => box));
    const areas = Float64Array.from(rows, ([[x1, y1, x2, y2]]) => (x2! - x1!) * (y2! - y1!));
    const classes = Int32Array.from(rows, ([, classIndex]) => classIndex);
    return {
      id,
      path,
      width: WIDTH,
      height: HEIGHT,
      boxes,
      classes,
      areas,
      crowd: Uint8Array.from(rows, ([, , crowd]) => crowd ?? 0),
    };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "validate-"));
    const path = join(folder, "grey.png");
    await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "#808080" } })
      .png()
      .toFile(path);
    samples = [
      sample(11, path, [[[10, 10, 60, 60], 0], [[100, 20, 180, 90], 1]]),
      sample(12, path, [[[20, 30, 80, 70], 0], [[0, 0, 200, 50], 0, 1]]),
    ]; // prettier-ignore
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("takes all classes as one: the better score of an anchor counts, and a wrong class is no mistake", async () => {
    const asOne = samples.map((one) => ({ ...one, classes: new Int32Array(one.classes.length) }));
    // The first cat is taken for a dog.
    const found: Found[][] = [[[[10, 10, 60, 60], 0.9, 1], [[100, 20, 180, 90], 0.8, 1]], [[[20, 30, 80, 70], 0.7, 0]]]; // prettier-ignore
    const predictor = new SingleClassPredictor(new FixedPredictor(found));
    const { result, collector } = await validate(predictor, asOne, { ...options, names: ["object"] });
    expect(result).toMatchObject({ AP: 1, instances: 3, perClass: [{ name: "object", instances: 3 }] });
    expect(collector.detections.map(({ scores }) => Array.from(scores, (score) => score.toFixed(1)))).toEqual([["0.9", "0.8"], ["0.7"]]); // prettier-ignore
    const told = await validate(new FixedPredictor(found), samples, options);
    expect(told.result.AP).toBeLessThan(0.8);
  });

  it("maps boxes back to source pixels: exact predictions give an AP of 1", async () => {
    const { result, collector } = await validate(
      new FixedPredictor([[[[10, 10, 60, 60], 0.9, 0], [[100, 20, 180, 90], 0.8, 1]], [[[20, 30, 80, 70], 0.7, 0]]]),
      samples,
      options,
    ); // prettier-ignore
    expect(result).toMatchObject({ AP: 1, AP50: 1, images: 2, instances: 3, recall: 1 });
    expect(result.perClass.map(({ name, images, instances }) => [name, images, instances])).toEqual([
      ["cat", 2, 2],
      ["dog", 1, 1],
    ]);
    const [first] = cocoResults(collector.samples, collector.detections, [17, 18]);
    expect(first).toEqual({ image_id: 11, category_id: 17, bbox: [10, 10, 50, 50], score: 0.9 });
    expect(result.losses).toBeUndefined();
    expect(resultTable(result)).toContain("mAP50-95");
    expect(resultSummary(result)).toContain("AR100 1.000");
  });

  it("excuses detections on a crowd and counts false and missed ones", async () => {
    const onCrowd: Found = [[90, 5, 190, 45], 0.95, 0];
    const excused = await validate(
      new FixedPredictor([[[[10, 10, 60, 60], 0.9, 0]], [[[20, 30, 80, 70], 0.7, 0], onCrowd]]),
      samples,
      options,
    );
    expect(excused.result.perClass[0]).toMatchObject({ name: "cat", AP: 1 });
    expect(excused.result).toMatchObject({ AP: 0.5 });
    const wrong = await validate(new FixedPredictor([[onCrowd, [[10, 10, 60, 60], 0.9, 0]], []]), samples, options);
    // Half of the cats, the first detection wrong: precision 0.5 up to recall 0.5, at 51 of 101 points.
    expect(wrong.result.perClass[0]?.AP50).toBeCloseTo((0.5 * 51) / 101, 6);
  });

  it("leaves unreadable pictures out and says so", async () => {
    const broken = join(folder, "broken.jpg");
    writeFileSync(broken, "no picture");
    const { result, problems } = await validate(
      new FixedPredictor([[]]),
      [samples[0]!, { ...samples[1]!, path: broken }],
      options,
    );
    expect(result.images).toBe(1);
    expect(problems.map(({ file }) => file)).toEqual([broken]);
  });

  it("refuses a model with other classes than the data set", async () => {
    const predictor = new FixedPredictor([]);
    await expect(validate(predictor, samples, { ...options, names: ["cat"] })).rejects.toThrow(
      "2 classes but the data set 1",
    );
    await expect(validate(predictor, samples, { ...options, names: ["cat", "cow"] })).rejects.toThrow(
      '"dog" in the model but "cow"',
    );
  });

  it("validates in the size that the predictor was made for, unless told otherwise", () => {
    const predictor = new FixedPredictor([]);
    expect(squareInput(predictor, undefined)).toBe(640);
    const made = {
      classCount: 2,
      names: undefined,
      engine: "none",
      inputSize: { width: 320, height: 320 },
      predict: predictor.predict.bind(predictor),
      close: predictor.close.bind(predictor),
    };
    expect(squareInput(made, undefined)).toBe(320);
    expect(squareInput(made, 416)).toBe(416);
    expect(() => squareInput({ ...made, inputSize: { width: 320, height: 192 } }, undefined)).toThrow("320 x 192");
  });

  it("measures losses of a model in training mode without a trace: same mode, no live tensor more", async () => {
    const model = buildModel(loadModelSpec("gelan-t"), { names: ["cat", "dog"] });
    const loss = lossOfModel(model);
    await validateModel(model, samples, { ...options, loss });
    const before = memory().undisposedTensors;
    const mean = model.stateDict().get("backbone.stem1.norm.running_mean")?.toArray();
    const result = await validateModel(model, samples, { ...options, loss });
    expect(memory().undisposedTensors).toBe(before);
    expect(model.training).toBe(true);
    expect(model.stateDict().get("backbone.stem1.norm.running_mean")?.toArray()).toEqual(mean);
    expect(result.losses?.box).toBeGreaterThan(0);
    expect(result.losses?.total).toBeCloseTo(result.losses!.box + result.losses!.cls + result.losses!.dfl, 9);
    model.dispose();
  });
});
