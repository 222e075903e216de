import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Detector } from "@yolov9/runtime";
import { manualSeed } from "@yolov9/torch";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployed, toOnnx } from "../export/index.js";
import { buildModel, loadModelSpec } from "../model/index.js";
import { OnnxPredictor } from "../validate/onnx-predictor.js";
import {
  AllowedHosts,
  FetchedPictures,
  detectionCounts,
  detectPictures,
  inputSizeOf,
  PictureDetector,
  resultFolder,
  ResultFiles,
} from "./index.js";
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

  async function detectAll(paths: string[], confidence: number, hosts: string[] = []): Promise<DetectionOutcome[]> {
    const predictor = await OnnxPredictor.load(weights);
    const thresholds = { confidence, iou: 0.45, maxDetections: 20 };
    const detector = new PictureDetector(predictor, { ...thresholds, ...inputSizeOf(predictor, undefined) });
    const outcomes: DetectionOutcome[] = [];
    using fetched = new FetchedPictures(new AllowedHosts(hosts));
    for await (const outcome of detectPictures(detector, paths, fetched)) outcomes.push(outcome);
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

  it("takes a picture at an address, and names it so", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "image/jpeg" }).end(readFileSync(join(folder, "a.jpg")));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const paths = [`http://${host}/a.jpg`, "https://example.com/b.jpg"];
    const outcomes = await detectAll(paths, 0.25, [host]);
    expect(outcomes).toMatchObject([
      { kind: "detected", path: paths[0], image: { path: paths[0], width: 150, height: 90 } },
      { kind: "skipped", path: paths[1], reason: expect.stringContaining("the host is not allowed") as string },
    ]);
    await new Promise((resolve) => server.close(resolve));
  });

  it("leaves pictures, label texts and JSON, and numbers the folder of the next run", async () => {
    const results = resultFolder(join(folder, "runs"), "detect", false);
    const files = new ResultFiles(results, { images: true, saveTxt: true, saveConf: false, saveJson: true });
    const box = { box: [10, 20, 40, 80], score: 0.5, classIndex: 1, className: "blue" } as const;
    const milliseconds = { preprocess: 1, inference: 2, nms: 3 };
    const image: DetectedImage = {
      path: join(folder, "b.png"),
      file: join(folder, "b.png"),
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
