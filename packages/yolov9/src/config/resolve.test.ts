import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { configTable, ConfigError, parseConfig, resolveConfig, addConfigOptions, configFields } from "./index.js";
import { createExportConfig, createTrainConfig, createValConfig } from "./index.js";
import { DetectConfig, ExportConfig, InfoConfig, TrainConfig, ValConfig } from "./index.js";

function yaml(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "yolov9-config-")), "train.yaml");
  writeFileSync(file, text);
  return file;
}

function flagsOf(...argv: string[]): Record<string, unknown> {
  const command = addConfigOptions(new Command("train"), TrainConfig).exitOverride();
  command.parse(argv, { from: "user" });
  return command.opts();
}

describe("configuration", () => {
  it("has the defaults of the published recipe", () => {
    const config = resolveConfig(TrainConfig, { flags: { data: "d" } });
    expect(config).toMatchObject({
      epochs: 100, batch: 16, imgsz: 640, lr0: 0.01, lrf: 0.01, momentum: 0.937, weightDecay: 5e-4, warmupEpochs: 3,
      warmupMomentum: 0.8, warmupBiasLr: 0.1, box: 7.5, cls: 0.5, dfl: 1.5, hsvH: 0.015, hsvS: 0.7, hsvV: 0.4, degrees: 0,
      translate: 0.1, scale: 0.9, shear: 0, flipud: 0, fliplr: 0.5, mosaic: 1, mixup: 0.15, closeMosaic: 15,
      patience: 100, clipNorm: 10, emaDecay: 0.9999, schedule: "linear",
    }); // prettier-ignore
  });

  it("lets flags win over the file and the file over defaults", () => {
    const file = yaml("data: cells\nepochs: 7\nweightDecay: 0.001\nauxiliary: false\n");
    const config = resolveConfig(TrainConfig, { file, flags: flagsOf("--epochs", "9", "--exist-ok") });
    expect(config).toMatchObject({
      data: "cells",
      epochs: 9,
      weightDecay: 0.001,
      auxiliary: false,
      existOk: true,
      batch: 16,
    });
    expect(resolveConfig(TrainConfig, { file, flags: flagsOf("--auxiliary") }).auxiliary).toBe(true);
  });

  it("reads --resume with and without a path, and --no- flags", () => {
    const of = (...argv: string[]) => resolveConfig(TrainConfig, { flags: flagsOf("--data", "d", ...argv) });
    expect(of().resume).toBe(false);
    expect(of("--resume").resume).toBe(true);
    expect(of("--resume", "runs/train/a").resume).toBe("runs/train/a");
    expect(of("--no-auxiliary").auxiliary).toBe(false);
  });

  it("names the nearest key of an unknown one, with file and line", () => {
    const file = yaml("data: d\n\nweight_decay: 0.1\n");
    expect(() => resolveConfig(TrainConfig, { file })).toThrow(
      `${file}:3: unknown key weight_decay; did you mean weightDecay?`,
    );
    const typo = yaml("epoch: 3\n");
    expect(() => resolveConfig(TrainConfig, { file: typo })).toThrow(
      /train\.yaml:1: unknown key epoch; did you mean epochs\?/,
    );
  });

  it("says file, line, key, value and what is allowed when a value is out of range", () => {
    const file = yaml("data: d\nepochs: -3\n");
    expect(() => resolveConfig(TrainConfig, { file })).toThrow(`${file}:2: epochs is -3, but must be an integer ≥ 1`);
    expect(() => resolveConfig(TrainConfig, { flags: flagsOf("--data", "d", "--imgsz", "100") })).toThrow(
      "command line: --imgsz is 100, but must be an integer ≥ 32 and a multiple of 32",
    );
    expect(() => resolveConfig(TrainConfig, { flags: flagsOf("--data", "d", "--lr0", "fast") })).toThrow(
      'command line: --lr0 is "fast", but must be a number > 0',
    );
    expect(() => resolveConfig(TrainConfig, { flags: flagsOf("--data", "d", "--schedule", "step") })).toThrow(
      'command line: --schedule is "step", but must be one of linear, cosine, flat-cosine, fixed',
    );
  });

  it("reports every wrong value at once, and a missing one with its flag", () => {
    expect(() => resolveConfig(ValConfig, { flags: { data: "d", imgsz: 0, batch: 0 } })).toThrow(
      /weights is missing: give --weights[^]*--imgsz is 0[^]*--batch is 0/,
    );
  });

  it("says which file cannot be read or is no mapping", () => {
    expect(() => resolveConfig(TrainConfig, { file: "/nowhere/x.yaml" })).toThrow(/\/nowhere\/x\.yaml: cannot be read/);
    const list = yaml("- 1\n");
    expect(() => resolveConfig(TrainConfig, { file: list })).toThrow(/expected keys and values/);
    const broken = yaml("a: [1\n");
    expect(() => resolveConfig(TrainConfig, { file: broken })).toThrow(ConfigError);
  });

  it("checks an object from elsewhere the same way", () => {
    expect(parseConfig(InfoConfig, { nc: 3 }, "info")).toEqual({ nc: 3, imgsz: 640 });
    expect(() => parseConfig(InfoConfig, { nc: 0 }, "call")).toThrow("call: nc is 0, but must be an integer ≥ 1");
    expect(() => parseConfig(InfoConfig, { classes: 0 }, "call")).toThrow(/unknown key classes/);
  });

  it("describes every field of every command", () => {
    for (const schema of [TrainConfig, ValConfig, ExportConfig, DetectConfig, InfoConfig]) {
      for (const field of configFields(schema)) expect(field.description, field.key).not.toBe("");
      expect(configTable(schema).split("\n").length).toBe(configFields(schema).length + 3);
    }
    const help = addConfigOptions(new Command("detect"), DetectConfig).helpInformation();
    expect(help).toContain("--no-images");
    expect(help).toContain("--max-detections <n>");
    expect(help).toContain("default: 0.25");
  });

  it("reads lists of numbers", () => {
    const command = addConfigOptions(new Command("detect"), DetectConfig);
    command.parse(["--weights", "w", "--classes", "0, 2"], { from: "user" });
    expect(resolveConfig(DetectConfig, { flags: command.opts() }).classes).toEqual([0, 2]);
  });
});

describe("configurations of programs", () => {
  it("are filled with the defaults of the command line", () => {
    expect(createTrainConfig({ data: "d", epochs: 3 })).toEqual(
      resolveConfig(TrainConfig, { flags: { data: "d", epochs: 3 } }),
    );
    expect(createValConfig({ weights: "w" })).toEqual(resolveConfig(ValConfig, { flags: { weights: "w" } }));
    expect(createExportConfig({ weights: "w", precision: "int8" })).toEqual(
      resolveConfig(ExportConfig, { flags: { weights: "w", precision: "int8" } }),
    );
  });

  it("name what is unknown, missing or not allowed", () => {
    // @ts-expect-error the compiler knows the keys
    expect(() => createTrainConfig({ data: "d", epoch: 3 })).toThrow(
      new ConfigError("createTrainConfig: unknown key epoch; did you mean epochs?"),
    );
    expect(() => createTrainConfig({ data: "d", imgsz: 100, lr0: 0 })).toThrow(
      "createTrainConfig: imgsz is 100, but must be an integer ≥ 32 and a multiple of 32\n" +
        "createTrainConfig: lr0 is 0, but must be a number > 0",
    );
    // @ts-expect-error the compiler knows what is required
    expect(() => createExportConfig({})).toThrow("createExportConfig: weights is missing (run folder, checkpoint");
  });
});
