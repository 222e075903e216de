import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeFolder, makeJpeg } from "../data/testing/folders.js";
import { run } from "./main.js";

describe("yolov9 data", () => {
  let out = "";
  let err = "";
  let root = "";
  let folder = "";
  let remove: () => Promise<void>;
  beforeEach(async () => {
    out = "";
    err = "";
    vi.spyOn(console, "log").mockImplementation((line: string) => void (out += `${line}\n`));
    vi.spyOn(console, "error").mockImplementation((line: string) => void (err += `${line}\n`));
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += text.toString()), true));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += text.toString()), true));
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
    vi.restoreAllMocks();
    process.exitCode = undefined;
    rmSync(folder, { recursive: true });
    await remove();
  });

  it("converts and says how much", async () => {
    const output = join(folder, "coco");
    expect(await run(["data", "convert", "--from", root, "--to", "coco", "--output", output])).toBe(0);
    expect(out).toBe(`4 images with 5 objects: yolo → coco in ${output}\n`);
    expect(await run(["data", "convert", "--from", root, "--to", "coco", "--output", output])).toBe(1);
    expect(err).toContain("is not empty; choose a new folder");
    out = "";
    const pets = join(folder, "pets");
    const args = ["--from", root, "--to", "voc", "--output", pets, "--classes", "pet=cat+dog", "--images", "link"];
    expect(await run(["data", "convert", ...args, "--json"])).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ images: 4, objects: 5, lost: {}, problems: [] });
    expect(readFileSync(join(pets, "Annotations/0.xml"), "utf8")).toContain("<name>pet</name>");
  });

  it("splits, with a table of the classes", async () => {
    const output = join(folder, "split");
    expect(await run(["data", "split", "--data", root, "--output", output, "--ratio", "0.5,0.5"])).toBe(0);
    expect(out).toMatch(/images +2 +2\nobjects +\d +\d\ncat +1 +1\n/);
    expect(readdirSync(output).sort()).toEqual(["data.yaml", "train.txt", "val.txt"]);
    expect(await run(["data", "split", "--data", root, "--output", join(folder, "x"), "--group", "("])).toBe(1);
    expect(err).toContain("--group: Invalid regular expression");
  });

  it("checks: exit code by severity, JSON, a report, and repairs into a new folder", async () => {
    const check = (...args: string[]) => run(["data", "check", "--data", root, "--workers", "0", ...args]);
    expect(await check("--json", "--report", join(folder, "r.html"))).toBe(1);
    const { counts, findings } = JSON.parse(out) as { counts: object; findings: object[] };
    expect(counts).toEqual({ error: 1, warning: 0, info: 0 });
    expect(findings).toMatchObject([{ kind: "box-no-area", severity: "error", file: join(root, "labels/3.txt"), line: 2 }]); // prettier-ignore
    expect(readFileSync(join(folder, "r.html"), "utf8")).toMatch(/^<!doctype html>/);
    process.exitCode = undefined;
    out = "";
    const fixed = join(folder, "fixed");
    expect(await check("--fix", "--output", fixed, "--fail-on", "never")).toBe(0);
    expect(out).toContain("- 1 0.5 0.5 0 0.5");
    expect(readFileSync(join(fixed, "labels/3.txt"), "utf8")).toBe("1 0.5 0.5 0.5 0.5\n");
    expect(await run(["data", "check", "--data", fixed, "--no-pixels", "--fail-on", "warning"])).toBe(0);
    expect(await check("--output", "x")).toBe(1);
    expect(err).toContain("give --fix too");
  });
});
