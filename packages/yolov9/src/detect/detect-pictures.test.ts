import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Detector } from "@yolov9/runtime";
import { manualSeed } from "@yolov9/torch";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployed, toOnnx } from "../export/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import { OnnxPredictor } from "../validate/onnx-predictor.js";
import { detectionCounts, detectPictures, inputSizeOf, PictureDetector, resultFolder, ResultFiles } from "./index.js";
import type { DetectedImage, DetectionOutcome } from "./index.js";

describe("detectPictures", () => {
  let folder = "";
  let weights = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "detect-"));
    weights = join(folder, "model.onnx");
    manualSeed(1);
    const model = buildModel(loadModelSpec("gelan-t"), { names: ["red", "blue"] });
    writeFileSync(weights, toOnnx(deployed(model), { height: 64, width: 96 }));
    const noise = {
      create: {
        width: 150,
        height: 90,
        channels: 3,
        background: "grey",
        noise: { type: "gaussian", mean: 128, sigma: 60 },
      },
    } as const;
    await sharp(noise).jpeg().toFile(join(folder, "a.jpg"));
    await sharp(noise).png().toFile(join(folder, "b.png"));
    writeFileSync(join(folder, "broken.jpg"), readFileSync(join(folder, "a.jpg")).subarray(0, 900));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function detectAll(paths: string[], confidence: number): Promise<DetectionOutcome[]> {
    const predictor = await OnnxPredictor.load(weights);
    const thresholds = { confidence, iou: 0.45, maxDetections: 20 };
    const detector = new PictureDetector(predictor, { ...thresholds, ...inputSizeOf(predictor, undefined) });
    const outcomes: DetectionOutcome[] = [];
    for await (const outcome of detectPictures(detector, paths)) outcomes.push(outcome);
    await predictor.close();
    return outcomes;
  }

  it("finds what the runtime's Detector finds with the same file", async () => {
    const path = join(folder, "a.jpg");
    const [outcome] = await detectAll([path], 0);
    if (outcome?.kind !== "detected") throw new Error("the picture was skipped");
    const detector = await Detector.load(weights);
    const wanted = await detector.detect(path, { confidence: 0, iou: 0.45, maxDetections: 20 });
    await detector.dispose();
    expect(outcome.image).toMatchObject({ width: 150, height: 90 });
    expect(outcome.image.boxes.length).toBeGreaterThan(3);
    expect(outcome.image.boxes.map(({ box, score, classIndex }) => [...box, score, classIndex])).toEqual(
      wanted.map(({ box, score, classId }) => [...box, score, classId]),
    );
  });

  it("says why it skips a broken picture and goes on", async () => {
    const outcomes = await detectAll([join(folder, "broken.jpg"), join(folder, "b.png")], 0.25);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["skipped", "detected"]);
    expect(outcomes[0]).toHaveProperty("reason", expect.stringContaining("cannot read the image"));
  });

  it("leaves pictures, label texts and JSON, and numbers the folder of the next run", async () => {
    const results = resultFolder(join(folder, "runs"), "detect", false);
    const files = new ResultFiles(results, { images: true, saveTxt: true, saveConf: false, saveJson: true });
    const box = { box: [10, 20, 40, 80], score: 0.5, classIndex: 1, className: "blue" } as const;
    const milliseconds = { preprocess: 1, inference: 2, nms: 3 };
    const image: DetectedImage = {
      path: join(folder, "b.png"),
      width: 150,
      height: 90,
      boxes: [box, box],
      milliseconds,
    };
    await files.add(image);
    await files.add({ ...image, boxes: [] });
    files.finish();
    expect(readdirSync(results).sort()).toEqual(["b-2.png", "b.png", "detections.json", "labels"]);
    expect(readFileSync(join(results, "labels", "b.txt"), "utf8")).toBe("1 0.166667 0.555556 0.2 0.666667\n".repeat(2));
    expect(JSON.parse(readFileSync(join(results, "detections.json"), "utf8"))).toMatchObject([
      { width: 150, detections: [{ class: 1, name: "blue", score: 0.5, box: [10, 20, 40, 80] }, {}] },
      { detections: [] },
    ]);
    expect(detectionCounts(image)).toBe("2 blue");
    expect(resultFolder(join(folder, "runs"), "detect", false)).toBe(`${results}-2`);
    expect(resultFolder(join(folder, "runs"), "detect", true)).toBe(results);
    expect(existsSync(`${results}-2`)).toBe(false);
  });
});
