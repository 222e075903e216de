import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { boxIou } from "@yolov9/vision";
import { describe, expect, it } from "vitest";
import { openDataset } from "../data/index.js";
import { calibrationImages, exportModel, type ExportOptions } from "../export/index.js";
import { openTrainedModel } from "../weights/index.js";
import {
  cocoResults,
  OnnxPredictor,
  openPredictor,
  validate,
  VALIDATION_SUPPRESSION,
  type CocoResultRow,
  type Predictor,
  type Validation,
} from "./index.js";

const shared = fileURLToPath(new URL("../../../../../shared/", import.meta.url));
const weights = join(shared, "weights/yolov9t-coco-fused-plainhead.safetensors");
const model = "gelan-t-plainhead";
const data = join(shared, "datasets/coco-open");

/** Detections of the same weights by another implementation, score 0.25 and more. */
const fixture = join(shared, "fixtures/detections/yolov9t-coco-open-val57.json");

describe.skipIf(!existsSync(shared))("the shared COCO weights (skipped without the shared folder)", () => {
  async function validateOn(predictor: Predictor): Promise<{ validation: Validation; rows: CocoResultRow[] }> {
    const dataset = await openDataset(data, { splits: ["val"] });
    try {
      const validation = await validate(predictor, dataset.splits.val!, {
        names: dataset.names,
        imageSize: 640,
        batchSize: 8,
      });
      const { samples, detections } = validation.collector;
      return { validation, rows: cocoResults(samples, detections, dataset.categoryIds) };
    } finally {
      await predictor.close();
    }
  }

  /** The share of rows that have a partner of the same class: IoU at least 0.95, scores at most 0.02 apart. */
  function matched(rows: readonly CocoResultRow[], partners: readonly CocoResultRow[]): number {
    const corners = ({ bbox: [x, y, w, h] }: CocoResultRow): number[] => [x, y, x + w, y + h];
    const found = rows.filter((row) =>
      partners.some(
        (other) =>
          other.image_id === row.image_id &&
          other.category_id === row.category_id &&
          Math.abs(other.score - row.score) <= 0.02 &&
          boxIou(corners(other), 0, corners(row), 0) >= 0.95,
      ),
    );
    return found.length / rows.length;
  }

  /** At least 98 % of the expected boxes are found, and of the found ones expected. */
  function expectSameDetections(rows: readonly CocoResultRow[]): void {
    const expected = JSON.parse(readFileSync(fixture, "utf8")) as CocoResultRow[];
    const certain = rows.filter(({ score }) => score >= 0.25);
    expect(matched(expected, rows)).toBeGreaterThanOrEqual(0.98);
    expect(matched(certain, expected)).toBeGreaterThanOrEqual(0.98);
  }

  it("reach the expected AP and find the expected boxes on libtorch", async () => {
    const { validation, rows } = await validateOn(await openPredictor(weights, { model, device: "cpu" }));
    expect(Math.abs(validation.result.AP - 0.4005)).toBeLessThan(0.003);
    expect(Math.abs(validation.result.AP50 - 0.5524)).toBeLessThan(0.003);
    expectSameDetections(rows);
  }, 300_000);

  it("reach it exported to ONNX too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "coco-open-"));
    try {
      const { model: trained } = openTrainedModel(weights, model);
      const { file, verification } = await exportModel(trained);
      expect(verification.runtime.box).toBeLessThan(0.05);
      expect(verification.runtime.score).toBeLessThan(1e-4);
      const path = join(folder, "model.onnx");
      writeFileSync(path, file);
      const { validation, rows } = await validateOn(await openPredictor(path));
      expect(Math.abs(validation.result.AP - 0.4005)).toBeLessThan(0.003);
      expectSameDetections(rows);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 300_000);

  async function exportedAp(options: ExportOptions): Promise<number> {
    const { file } = await exportModel(openTrainedModel(weights, model).model, options);
    return (await validateOn(await OnnxPredictor.load(file))).validation.result.AP;
  }

  it("keep it in half precision, and with suppression inside the graph", async () => {
    expect(Math.abs((await exportedAp({ precision: "float16" })) - 0.4008)).toBeLessThan(0.003);
    const suppression = { ...VALIDATION_SUPPRESSION, multiLabel: true };
    expect(Math.abs((await exportedAp({ suppression })) - 0.4008)).toBeLessThan(0.0005);
  }, 300_000);

  it("lose less than 0.015 of it in INT8, calibrated on other images", async () => {
    const { splits } = await openDataset(data, { splits: ["train"] });
    const AP = await exportedAp({ int8: { calibration: calibrationImages(splits.train!, 16, 640) } });
    expect(0.4008 - AP).toBeLessThan(0.015);
  }, 300_000);
});
