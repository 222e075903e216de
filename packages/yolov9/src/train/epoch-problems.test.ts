import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseConfig, TrainConfig } from "../config/index.js";
import { makeJpeg, testFolder } from "../data/testing/folders.js";
import { EpochProblems } from "./epoch-problems.js";
import { silentProgress, train } from "./index.js";

const bad = (name: string) => ({ file: `images/${name}.jpg`, reason: "cannot be decoded; image skipped" });

describe("pictures that turn bad", () => {
  let folder = "";
  let path = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yolov9-problems-"));
    path = join(folder, "problems.json");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("are counted after every epoch, new ones and all, with a new one as example and a list of all", () => {
    const problems = new EpochProblems(path);
    expect(problems.report(1, { train: [], val: [] })).toBeUndefined();
    expect(problems.report(2, { train: [bad("a"), bad("b")], val: [bad("v")] })).toBe(
      "warning: 2 training images (2 new) and 1 validation image (1 new) cannot be read: " +
        `images/a.jpg: cannot be decoded; image skipped; all of them: ${path}`,
    );
    expect(problems.report(3, { train: [bad("a"), bad("b"), bad("c")], val: [bad("v")] })).toContain(
      "3 training images (1 new) and 1 validation image (0 new) cannot be read: images/c.jpg: ",
    );
    expect(problems.report(4, { train: [bad("a")], val: [] })).toContain("warning: 1 training image (0 new) cannot be");
    const list = JSON.parse(readFileSync(path, "utf8")) as { epoch: number; split: string; file: string }[];
    expect(list.map(({ epoch, split, file }) => `${epoch} ${split} ${file}`)).toEqual([
      "2 train images/a.jpg",
      "2 train images/b.jpg",
      "2 val images/v.jpg",
      "3 train images/c.jpg",
    ]);
  });

  it("are still the same in a resumed run", () => {
    new EpochProblems(path).report(1, { train: [bad("a")], val: [] });
    const resumed = new EpochProblems(path);
    expect(resumed.report(2, { train: [bad("a"), bad("b")], val: [] })).toContain("2 training images (1 new)");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject([{ epoch: 1 }, { epoch: 2 }]);
  });

  it("are listed anew where the list is damaged", () => {
    writeFileSync(path, "[{]");
    expect(new EpochProblems(path).report(1, { train: [bad("a")], val: [] })).toContain("1 training image (1 new)");
    expect(JSON.parse(readFileSync(path, "utf8"))).toHaveLength(1);
  });
});

describe("train", () => {
  it("tells after every epoch which pictures it could not read in it", { timeout: 120_000 }, async () => {
    const image = await makeJpeg(64, 64, 1);
    const files: Record<string, string | Buffer> = { "data.yaml": "train: images/t\nval: images/v\nnames: [cat]\n" };
    for (const name of ["t/0", "t/1", "t/2", "t/3", "v/0", "v/1"]) {
      files[`images/${name}.jpg`] = image;
      files[`labels/${name}.txt`] = "0 0.5 0.5 0.4 0.4\n";
    }
    const root = await testFolder(files);
    const damage = (...names: string[]) => {
      for (const name of names) writeFileSync(join(root, "images", `${name}.jpg`), image.subarray(0, 200));
    };
    const notes: string[] = [];
    const settings = { epochs: 3, imgsz: 32, batch: 2, workers: 0, threads: 1, cacheBudget: 0, device: "cpu" };
    const where = { data: root, project: join(root, "runs"), name: "a", model: "gelan-t" };
    const { folder, ended } = await train(parseConfig(TrainConfig, { ...settings, ...where }, "test"), {
      progress: { ...silentProgress, note: (line) => notes.push(line) },
      onEpoch: ({ epoch }) => {
        notes.push(`epoch ${epoch}`);
        if (epoch === 1) damage("t/0", "t/2", "v/1");
        if (epoch === 2) damage("t/3");
      },
    });
    expect(ended).toBe("completed");
    const told = notes.filter((line) => line.startsWith("epoch") || line.startsWith("warning"));
    const count =
      /^warning: (.*) cannot be read: \S+\/images\/[tv]\/\d\.jpg: cannot read the image .*; all of them: (.*)$/;
    expect(told.map((line) => count.exec(line)?.[1] ?? line)).toEqual([
      "epoch 1",
      "2 training images (2 new) and 1 validation image (1 new)",
      "epoch 2",
      "3 training images (1 new) and 1 validation image (0 new)",
      "epoch 3",
    ]);
    expect(count.exec(told[1]!)?.[2]).toBe(join(folder, "problems.json"));
    const list = JSON.parse(readFileSync(join(folder, "problems.json"), "utf8")) as { epoch: number; file: string }[];
    expect(list.map(({ epoch, file }) => `${epoch} ${file.slice(-7, -4)}`).sort()).toEqual([
      "2 t/0",
      "2 t/2",
      "2 v/1",
      "3 t/3",
    ]);
  });
});
