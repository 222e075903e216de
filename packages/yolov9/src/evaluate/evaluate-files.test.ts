import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EvaluateConfig } from "../config/index.js";
import { evaluateFiles, evaluationJson, evaluationText } from "./index.js";

const truth = {
  images: [{ id: 1, width: 100, height: 100 }],
  categories: [
    { id: 3, name: "cat" },
    { id: 9, name: "dog" },
  ],
  annotations: [
    { id: 1, image_id: 1, category_id: 3, bbox: [10, 10, 40, 40], area: 1600, iscrowd: 0 },
    { id: 2, image_id: 1, category_id: 9, bbox: [60, 60, 20, 20], area: 400, iscrowd: 0 },
  ],
};
const detections = [{ image_id: 1, category_id: 3, bbox: [10, 10, 40, 40], score: 0.5 }];

describe("evaluateFiles", () => {
  let folder = "";
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "evaluate-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  function evaluate(gt: unknown, dt: unknown, more: Partial<EvaluateConfig> = {}) {
    const [gtFile, dtFile] = [join(folder, "gt.json"), join(folder, "dt.json")];
    writeFileSync(gtFile, typeof gt === "string" ? gt : JSON.stringify(gt));
    writeFileSync(dtFile, JSON.stringify(dt));
    return evaluateFiles(EvaluateConfig.parse({ gt: gtFile, dt: dtFile, ...more }));
  }

  it("gives figures, by class where asked, for people and for programs", async () => {
    const evaluation = await evaluate(truth, detections, { voc: true });
    expect(evaluationJson(evaluation, true)).toMatchObject({
      iouType: "bbox",
      images: 1,
      AP: 0.5,
      APs: 0,
      APl: -1,
      objects: { all: 2, small: 1, medium: 1, large: 0 },
      voc: { area: 0.5, elevenPoints: 0.5 },
      perClass: [
        { id: 3, name: "cat", objects: 1, AP: 1 },
        { id: 9, name: "dog", objects: 1, AP: 0 },
      ],
    });
    const text = evaluationText(evaluation, true);
    expect(text).toMatch(
      /^bbox: 2 objects \(1 small, 1 medium, 0 large\)\nAP {5}0\.5000 {2}average precision, IoU 0\.50:0\.95/,
    );
    expect(text).toMatch(/^cat +1 +1\.0000/m);
    expect(evaluationText(evaluation, false)).not.toContain("cat");
  });

  it.each([
    ["no JSON", "{", detections, /gt\.json: not a JSON file/],
    ["a list instead of a data set", [], detections, /gt\.json: not a COCO annotation file/],
    ["a data set instead of a list", truth, truth, /dt\.json: not a COCO result file; it must be a list/],
    ["a row without score", truth, [{ image_id: 1, category_id: 3 }], /dt\.json: \[0\]: score:/],
    ["a box of three numbers", truth, [{ ...detections[0], bbox: [1, 2, 3] }], /detection of image 1: bbox must be/],
    ["a picture that is not listed", truth, [{ ...detections[0], image_id: 5 }], /image_id 5, which "images" does not/],
  ])("names what is wrong with %s", async (_, gt, dt, message) => {
    await expect(evaluate(gt, dt)).rejects.toThrow(message);
  });

  it("takes null for what a row does not have", async () => {
    const annotations = truth.annotations.map((row) => ({ ...row, segmentation: null, keypoints: null }));
    const evaluation = await evaluate({ ...truth, annotations }, [{ ...detections[0], segmentation: null }]);
    expect(evaluation.result.AP).toBe(0.5);
  });

  it("refuses Pascal VOC's figures of masks", async () => {
    await expect(evaluate(truth, detections, { voc: true, iouType: "segm" })).rejects.toThrow("--voc compares boxes");
  });
});
