import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder, makeJpeg } from "../data/testing/folders.js";
import { placed, sevenLayouts, shapes, under } from "../data/testing/layouts.js";
import { yolov9 } from "./testing/command-line.js";

describe("yolov9 data", () => {
  let root = "";
  let folder = "";
  let remove: () => Promise<void>;
  beforeEach(async () => {
    const images = await Promise.all([1, 2, 3, 4].map((seed) => makeJpeg(64, 48, seed)));
    ({ root, remove } = await makeFolder({
      "data.yaml": "train: images\nnames: [cat, dog]\n",
      ...Object.fromEntries(images.map((image, i) => [`images/${i}.jpg`, image])),
      ...Object.fromEntries([0, 1, 2, 3].map((i) => [`labels/${i}.txt`, `${i % 2} 0.5 0.5 0.5 0.5\n`])),
      "labels/3.txt": "1 0.5 0.5 0.5 0.5\n1 0.5 0.5 0 0.5\n",
    }));
    folder = mkdtempSync(join(tmpdir(), "cli-data-"));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await remove();
  });

  it("converts and says how much", async () => {
    const convert = (...args: string[]) => yolov9("data", "convert", "--from", root, ...args);
    const output = join(folder, "coco");
    expect(await convert("--to", "coco", "--output", output)).toMatchObject({
      code: 0,
      out: `4 images with 5 objects: yolo → coco in ${output}\n`,
    });
    const again = await convert("--to", "coco", "--output", output);
    expect(again.code).toBe(1);
    expect(again.err).toContain("is not empty; choose a new folder");
    const pets = join(folder, "pets");
    const linked = ["--to", "voc", "--output", pets, "--classes", "pet=cat+dog", "--images", "link"];
    const { code, out } = await convert(...linked, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ images: 4, objects: 5, lost: {}, problems: [] });
    expect(readFileSync(join(pets, "Annotations/0.xml"), "utf8")).toContain("<name>pet</name>");
  });

  it("splits, with a table of the classes", async () => {
    const split = (...args: string[]) => yolov9("data", "split", "--data", root, ...args);
    const output = join(folder, "split");
    const { code, out } = await split("--output", output, "--ratio", "0.5,0.5");
    expect(code).toBe(0);
    expect(out).toMatch(/images +2 +2\nobjects +\d +\d\ncat +1 +1\n/);
    expect(readdirSync(output).sort()).toEqual(["data.yaml", "train.txt", "val.txt"]);
    const refused = await split("--output", join(folder, "x"), "--group", "(");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("--group: Invalid regular expression");
  });

  it("checks: exit code by severity, JSON, a report, and repairs into a new folder", async () => {
    const check = (...args: string[]) => yolov9("data", "check", "--data", root, "--workers", "0", ...args);
    const found = await check("--json", "--report", join(folder, "r.html"));
    expect(found.code).toBe(0);
    const { counts, findings } = JSON.parse(found.out) as { counts: object; findings: object[] };
    expect(counts).toEqual({ error: 0, warning: 1, info: 0 });
    const file = join(root, "labels/3.txt");
    expect(findings).toMatchObject([{ kind: "box-no-area", severity: "warning", file, line: 2 }]);
    const strict = await check("--json", "--strict", "--no-pixels");
    expect(strict.code).toBe(1);
    expect(JSON.parse(strict.out)).toMatchObject({ counts: { error: 1, warning: 0, info: 0 } });
    expect(readFileSync(join(folder, "r.html"), "utf8")).toMatch(/^<!doctype html>/);
    const fixed = join(folder, "fixed");
    const repaired = await check("--fix", "--output", fixed, "--fail-on", "never");
    expect(repaired.code).toBe(0);
    expect(repaired.out).toContain("- 1 0.5 0.5 0 0.5");
    expect(readFileSync(join(fixed, "labels/3.txt"), "utf8")).toBe("1 0.5 0.5 0.5 0.5\n");
    const clean = await yolov9("data", "check", "--data", fixed, "--no-pixels", "--fail-on", "warning");
    expect(clean.code).toBe(0);
    const wrong = await check("--output", "x");
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain("give --fix too");
  });

  it("writes down how a folder was understood, which is read alike", async () => {
    const all = await shapes(10);
    for (const files of [...Object.values(sevenLayouts(all)), under("set", placed(all, "photos", "texts", "txt"))]) {
      const { root: own, remove: removeOwn } = await makeFolder(files);
      try {
        const set = join(own, "set");
        const file = join(own, "own.yaml");
        const check = (data: string, ...args: string[]) =>
          yolov9("data", "check", "--data", data, "--no-pixels", "--workers", "0", "--json", ...args);
        const { code, out, err } = await check(set, "--write-yaml", file);
        expect(code, err).toBe(0);
        const again = await check(file);
        expect(JSON.parse(again.out)).toMatchObject({
          statistics: (JSON.parse(out) as { statistics: object }).statistics,
        });
        const refused = await check(set, "--write-yaml", file);
        expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("exists already")]);
      } finally {
        await removeOwn();
      }
    }
  });
});
