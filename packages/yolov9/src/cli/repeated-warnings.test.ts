import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolder, makeJpeg } from "../data/testing/folders.js";
import { buildModel, loadModelSpec, officialStateDict } from "../model/index.js";
import { yolov9 } from "./testing/command-line.js";

/** Every row names a class that is not there, in this many label files. */
const BROKEN = 30;

describe("warnings that repeat", () => {
  let root = "";
  let weights: string[] = [];
  let remove: () => Promise<void>;

  beforeAll(async () => {
    setNumThreads(1);
    const image = await makeJpeg(64, 64, 1);
    const files: Record<string, string | Buffer> = { "data.yaml": "train: images\nval: images\nnames: [cat, dog]\n" };
    for (let i = 0; i < BROKEN; i++) {
      files[`images/${i}.jpg`] = image;
      files[`labels/${i}.txt`] = `${7 + i} 0.5 0.5 0.4 0.4\n`;
    }
    files["images/whole.jpg"] = image;
    files["labels/whole.txt"] = "1 0.5 0.5 0.4 0.4\n";
    ({ root, remove } = await makeFolder(files));
    const model = buildModel(loadModelSpec("gelan-t"), { classCount: 2 });
    const file = join(root, "w.safetensors");
    saveSafetensors(file, officialStateDict(model));
    weights = ["--weights", file, "--model", "gelan-t", "--imgsz", "64"];
  });

  afterAll(async () => remove());

  const unknown = /^warning: \S+labels\/\d+\.txt:1: class \d+ but .*; row skipped \(and 29 more like it\)$/m;

  it("are one line in val, with an example, their number and the command that tells all", async () => {
    const { code, err } = await yolov9("val", ...weights, "--data", root, "--no-report", "--workers", "0");
    expect(code).toBe(0);
    expect(err).toMatch(unknown);
    expect(err.match(/row skipped/g)).toHaveLength(1);
    expect(err).toContain(`warning: all ${BROKEN} problems: yolov9 data check --data ${root} --show 0\n`);
  });

  it("are one line when a training starts", async () => {
    const sizes = ["--model", "gelan-t", "--imgsz", "64", "--batch", "16", "--epochs", "1", "--workers", "0"];
    const project = ["--project", join(root, "runs"), "--name", "r"];
    const { code, err } = await yolov9("train", "--data", root, ...sizes, ...project);
    expect(code).toBe(0);
    expect(err.match(/row skipped \(and 59 more like it\)$/gm)).toHaveLength(1);
    expect(err).toContain(`all 60 problems: yolov9 data check --data ${root} --show 0\n`);
  });

  it("are one line in detect, and a file of the results has every picture", async () => {
    const broken = Array.from({ length: 12 }, (_, i) => join(root, `broken ${i}.png`));
    for (const file of broken) writeFileSync(file, "no picture");
    const { code, err } = await yolov9(
      ...["detect", ...weights, "--project", root, "--name", "found"],
      ...[...broken, join(root, "images", "whole.jpg")],
    );
    expect(code).toBe(0);
    const list = join(root, "found", "skipped.txt");
    expect(err.match(/^warning: .*skipped \(and 11 more like it\)$/gm)).toHaveLength(1);
    expect(err).toContain(`warning: all 12 problems: ${list}\n`);
    const lines = readFileSync(list, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => line.split(": ")[0])).toEqual(broken);
    rmSync(join(root, "found"), { recursive: true });
  });
});
