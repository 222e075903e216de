import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { comparisonTable, readRun, summarise } from "./compare-runs.js";
import { comparisonSvg } from "./plots.js";
import type { EpochResult } from "./results.js";

function epoch(number: number, fitness: number, imagesPerSecond: number): EpochResult {
  return {
    epoch: number,
    train: { box: 1 / number, cls: 1, dfl: 1 },
    metrics: { precision: 0.5, recall: 0.5, AP50: fitness + 0.1, AP: fitness, fitness },
    lr: [0.1, 0.01, 0.01],
    imagesPerSecond,
    trainSeconds: 50,
    valSeconds: 10,
  };
}

describe("comparing runs", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "yolov9-compare-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("takes a run's fittest epoch, its median pace and its time", () => {
    const rows = [epoch(1, 0.2, 10), epoch(2, 0.5, 30), epoch(3, 0.4, 20)];
    writeFileSync(join(folder, "results.json"), JSON.stringify(rows));
    const run = readRun(folder);
    expect(summarise(run)).toEqual({
      name: basename(folder),
      epochs: 3,
      bestEpoch: 2,
      AP50: 0.6,
      AP: 0.5,
      imagesPerSecond: 20,
      minutes: 3,
    });
    expect(comparisonTable([summarise(run)])).toMatch(/mAP50-95.*\n.* 0\.600 +0\.500 +20\.0 +3\.0$/);
    const svg = comparisonSvg([run, { name: "other", rows }]);
    expect(svg).toContain("<svg");
    expect(svg).toContain("other");
  });

  it("has no best epoch where nothing was validated", () => {
    const { metrics, ...rest } = epoch(1, 0.2, 10);
    expect(metrics).toBeDefined();
    expect(summarise({ name: "x", rows: [rest] })).toMatchObject({ bestEpoch: undefined, AP: undefined });
  });

  it("names the file that is missing or is no result", () => {
    expect(() => readRun(folder)).toThrow(/results\.json: no such file/);
    writeFileSync(join(folder, "results.json"), "[1]");
    expect(() => readRun(folder)).toThrow(/results\.json: these are not the results of a run/);
  });
});
