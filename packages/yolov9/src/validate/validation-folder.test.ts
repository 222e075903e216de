import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ValConfig } from "../config/index.js";
import type { Sample } from "../data/index.js";
import { occurringClasses } from "./validation-plots.js";
import { analyse, categoryIdsOf, COCO_CATEGORY_IDS, DetectionCollector, writeValidationFolder } from "./index.js";

const NAMES = ["cat", "<dog>"];

describe("occurringClasses", () => {
  it("lists classes of objects and of detections, and the background", () => {
    const size = 6;
    const counts = new Uint32Array(size * size);
    counts[1 * size + 1] = 3;
    counts[4 * size + 5] = 1;
    expect(occurringClasses({ size, counts })).toEqual([1, 4, 5]);
    expect(occurringClasses({ size, counts: new Uint32Array(size * size) })).toEqual([5]);
  });
});

describe("writeValidationFolder", () => {
  let folder = "";
  const samples: Sample[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "report-"));
    for (const id of [1, 2]) {
      const path = join(folder, `${id}.png`);
      await sharp({ create: { width: 300, height: 200, channels: 3, background: "#357" } })
        .png()
        .toFile(path);
      const boxes = Float32Array.from([10, 10, 110, 110, 150, 20, 250, 120]);
      const classes = Int32Array.from([0, 1]);
      const areas = Float64Array.from([1e4, 1e4]);
      samples.push({ id, path, width: 300, height: 200, boxes, classes, crowd: new Uint8Array(2), areas });
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Everything right in the first image; in the second the dog is taken for a cat and the cat missed. */
  function collected() {
    const collector = new DetectionCollector({ confidence: 0.001, iou: 0.7, maxDetections: 300, classCount: 2 });
    collector.samples.push(...samples);
    collector.detections.push(
      { boxes: samples[0]!.boxes, classes: [0, 1], scores: [0.9, 0.8] },
      { boxes: samples[0]!.boxes.subarray(4), classes: [0], scores: [0.99] },
    );
    const speed = { preprocess: 1, inference: 2, nms: 3 };
    return { collector, result: { ...collector.measure(NAMES), speed }, problems: [] };
  }

  it("says which kinds of errors there are, and in which images", () => {
    const validation = collected();
    const { errors, sizes, voc, confusion, worst } = analyse(validation, NAMES, 5);
    expect(errors.errors.classification.count).toBe(1);
    expect(errors.errors.missed.count).toBe(1);
    expect(sizes.map(({ size, objects }) => [size, objects])).toEqual([
      ["small", 0],
      ["medium", 0],
      ["large", 4],
    ]);
    // Cats: miss, then hit of two; dogs: hit of two.
    expect(voc.area).toBeCloseTo((0.25 + 0.5) / 2, 12);
    expect([...confusion.counts]).toEqual([1, 1, 0, 0, 1, 0, 1, 0, 0]);
    expect(worst.map(({ sample, errors: count }) => [sample.id, count])).toEqual([[2, 3]]);
  });

  it("writes figures, plots and one page that needs no other file", async () => {
    const target = join(folder, "val");
    const validation = collected();
    const config = ValConfig.parse({ weights: "w&b.onnx", data: "d" });
    await writeValidationFolder(target, config, NAMES, validation.result, analyse(validation, NAMES, 5));
    const plots = ["calibration", "confusion-matrix", "errors", "f1-curve", "p-curve", "pr-curve", "r-curve"];
    expect(readdirSync(target).sort()).toEqual(
      ["args.yaml", ...plots.map((name) => `${name}.svg`), "report.html", "results.json"].sort(),
    );
    for (const name of plots)
      expect(readFileSync(join(target, `${name}.svg`), "utf8")).toMatch(/^<svg [\s\S]+<\/svg>$/);
    const results = JSON.parse(readFileSync(join(target, "results.json"), "utf8")) as Record<string, unknown>;
    expect(results).toMatchObject({ AP: validation.result.AP, confusion: { counts: [[1, 1, 0], [0, 1, 0], [1, 0, 0]] } }); // prettier-ignore
    const page = readFileSync(join(target, "report.html"), "utf8");
    expect(page).toContain("Validation of w&amp;b.onnx");
    expect(page).toContain("&lt;dog&gt;");
    expect(page).not.toContain("<dog>");
    expect(page.match(/data:image\/jpeg;base64,/g)).toHaveLength(1);
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).toContain("0 right, 3 errors: 1 classification, 2 missed");
  });
});

describe("categoryIdsOf", () => {
  it("numbers COCO's 80 classes 1 to 90, and leaves other data alone", () => {
    expect(COCO_CATEGORY_IDS).toHaveLength(80);
    expect([0, 10, 11, 24, 79].map((i) => COCO_CATEGORY_IDS[i])).toEqual([1, 11, 13, 27, 90]);
    const names = COCO_CATEGORY_IDS.map((id) => String(id));
    expect(categoryIdsOf({ names })).toBeUndefined();
    for (const [i, name] of [[0, "person"], [11, "stop sign"], [39, "bottle"], [62, "tv"], [79, "toothbrush"]] as const) names[i] = name; // prettier-ignore
    expect(categoryIdsOf({ names })).toBe(COCO_CATEGORY_IDS);
    expect(categoryIdsOf({ names, categoryIds: [5] })).toEqual([5]);
  });
});
