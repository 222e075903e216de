import { mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { EarlyStopping, fitness } from "./early-stopping.js";
import { curvesSvg } from "./plots.js";
import { duration } from "./progress.js";
import { writeWhole } from "@yolov9/torch/whole-file";
import { resultsCsv } from "./results.js";
import type { EpochResult } from "./results.js";
import { newRunFolder, resumedRunFolder } from "./run-folder.js";

function row(epoch: number, validated = true): EpochResult {
  const losses = { box: 1.5 / epoch, cls: 2 / epoch, dfl: 1.25 / epoch };
  const measured = {
    metrics: { precision: 0.5, recall: 0.25, AP50: 0.123456789, AP: 0.0625, fitness: 0.07 },
    val: losses,
  };
  return {
    epoch,
    train: losses,
    ...(validated ? measured : {}),
    lr: [0.1, 0.01, 0.01],
    imagesPerSecond: 10,
    trainSeconds: 1,
    valSeconds: 1,
  };
}

describe("resultsCsv", () => {
  it("has the usual columns, and empty cells for what was not measured", () => {
    const [header, first, second] = resultsCsv([row(1), row(2, false)]).split("\n");
    expect(header).toBe(
      "epoch,train/box_loss,train/cls_loss,train/dfl_loss,metrics/precision,metrics/recall,metrics/mAP_0.5,metrics/mAP_0.5:0.95," +
        "val/box_loss,val/cls_loss,val/dfl_loss,x/lr0,x/lr1,x/lr2",
    );
    expect(first).toBe("1,1.5,2,1.25,0.5,0.25,0.123457,0.0625,1.5,2,1.25,0.1,0.01,0.01");
    expect(second).toBe("2,0.75,1,0.625,,,,,,,,0.1,0.01,0.01");
  });
});

describe("writeWhole", () => {
  it("leaves no temporary file", () => {
    const folder = mkdtempSync(join(tmpdir(), "yolov9-results-"));
    writeWhole(join(folder, "a.txt"), "one");
    writeWhole(join(folder, "a.txt"), "two");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("two");
  });
});

describe("curvesSvg", () => {
  it("draws a line for every figure that was measured", () => {
    const svg = curvesSvg("run-7", [row(1), row(2), row(3)]);
    expect(svg).toMatch(/^<svg/);
    for (const title of ["box loss", "mAP50-95", "precision", "learning rate"]) expect(svg).toContain(title);
    expect(svg).toContain("run-7");
    expect(svg).not.toContain("NaN");
    const ordinary = Array.from({ length: 8 }, (_, i) => row(i + 1));
    const flat = curvesSvg("x", ordinary);
    const one = ordinary.map((each, i) =>
      i === 1 ? { ...each, val: { box: 1, cls: 721.28, dfl: 1, total: 723.28 } } : each,
    );
    expect([flat.includes(">721<"), curvesSvg("x", one).includes(">721<")]).toEqual([false, true]);
    expect(curvesSvg("x", [row(1, false)])).toMatch(/^<svg/);
  });
});

describe("EarlyStopping", () => {
  it("weighs mAP50-95 nine times as much as mAP50", () => {
    expect(fitness({ AP50: 0.8, AP: 0.5 })).toBeCloseTo(0.53, 12);
  });

  it("stops when no epoch was as good for `patience` epochs", () => {
    const stopping = new EarlyStopping(2);
    expect(stopping.record(1, 0.3)).toBe(true);
    expect(stopping.record(2, 0.3)).toBe(true);
    expect(stopping.record(3, 0.2)).toBe(false);
    expect(stopping.shouldStop(3)).toBe(false);
    expect(stopping.shouldStop(4)).toBe(true);
    expect(new EarlyStopping(0).shouldStop(1000)).toBe(false);
  });
});

describe("run folders", () => {
  const project = mkdtempSync(join(tmpdir(), "yolov9-runs-"));
  const config = (values: Record<string, unknown> = {}) => parseConfig(TrainConfig, { project, ...values }, "test");

  it("are named after the model and numbered when taken", () => {
    expect(newRunFolder(config({ model: "a/my-model.yaml" }), "yolov9-t").path).toBe(join(project, "my-model"));
    for (const name of ["cells", "cells-2"]) mkdirSync(join(project, name, "weights"), { recursive: true });
    expect(newRunFolder(config({ name: "cells" }), "yolov9-t").path).toBe(join(project, "cells-3"));
    expect(newRunFolder(config({ name: "cells", existOk: true }), "yolov9-t").path).toBe(join(project, "cells"));
  });

  it("are resumed by folder, by checkpoint, or the newest of the project", () => {
    expect(() => resumedRunFolder(true, project)).toThrow(/no run to resume/);
    for (const [i, name] of ["cells", "cells-2"].entries()) {
      const last = join(project, name, "weights", "last.safetensors");
      writeFileSync(last, "");
      utimesSync(last, 1000 - i, 1000 - i);
    }
    expect(resumedRunFolder(true, project).path).toBe(join(project, "cells"));
    expect(resumedRunFolder(join(project, "cells-2"), project).path).toBe(join(project, "cells-2"));
    expect(resumedRunFolder(join(project, "cells-2", "weights", "last.safetensors"), project).path).toBe(
      join(project, "cells-2"),
    );
    expect(() => resumedRunFolder(join(project, "none"), project)).toThrow(/nothing to resume here/);
  });
});

describe("duration", () => {
  it("speaks in the two largest units", () => {
    expect([42.4, 185, 7800].map(duration)).toEqual(["42 s", "3 min 5 s", "2 h 10 min"]);
  });
});
