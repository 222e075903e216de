import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { labelRows, writeDataset } from "./dataset.js";
import { loadDigits } from "./digits.js";
import { Random } from "./random.js";
import { composeScene } from "./scenes.js";

const folder = mkdtempSync(join(tmpdir(), "yolov9-demo-"));
const size = { scenes: { train: 4, val: 2, test: 1 }, size: 96, seed: 11 };

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the demo's data set", () => {
  it("is written in YOLO layout, one label file an image", async () => {
    const written = await writeDataset(join(folder, "set"), size);
    expect(readdirSync(join(folder, "set", "images", "train"))).toEqual([
      "0001.jpg",
      "0002.jpg",
      "0003.jpg",
      "0004.jpg",
    ]);
    expect(readdirSync(join(folder, "set", "labels", "val"))).toEqual(["0001.txt", "0002.txt"]);
    const rows = readdirSync(join(folder, "set", "labels", "train")).flatMap((name) =>
      readFileSync(join(folder, "set", "labels", "train", name), "utf8")
        .trim()
        .split("\n"),
    );
    expect(rows.length).toBe(written.boxes.train);
    expect(rows.every((row) => /^[0-9]( 0\.\d{6}){4}$/.test(row))).toBe(true);
  });

  it("names the boxes to a hundredth of a pixel", () => {
    const scene = composeScene(new Random(1), loadDigits().train, 320);
    const rows = labelRows(scene)
      .trim()
      .split("\n")
      .map((row) => row.split(" ").map(Number));
    for (const [i, [label, cx, cy, w, h]] of rows.entries()) {
      expect(label).toBe(scene.classes[i]);
      const corners = [cx! - w! / 2, cy! - h! / 2, cx! + w! / 2, cy! + h! / 2].map((fraction) => fraction * 320);
      for (const [side, corner] of corners.entries()) expect(corner).toBeCloseTo(scene.boxes[i * 4 + side]!, 2);
    }
  });

  it("is left alone when it is there, and composed again when another one is wanted or it was not finished", async () => {
    const set = join(folder, "again");
    const first = await writeDataset(set, size);
    const image = join(set, "images", "train", "0001.jpg");
    const written = statSync(image).mtimeMs;
    const pixels = readFileSync(image);
    expect(await writeDataset(set, size)).toEqual(first);
    expect(statSync(image).mtimeMs).toBe(written);

    await writeDataset(set, { ...size, seed: 12 });
    expect(Buffer.compare(readFileSync(image), pixels)).not.toBe(0);
    await writeDataset(set, size);
    expect(Buffer.compare(readFileSync(image), pixels)).toBe(0);

    rmSync(join(set, "summary.json"));
    writeFileSync(join(set, "images", "train", "leftover.jpg"), "");
    await writeDataset(set, size);
    expect(readdirSync(join(set, "images", "train")).length).toBe(4);
  });
});
