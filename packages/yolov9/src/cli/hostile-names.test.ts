import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { makeFolder, makeJpeg } from "../data/testing/folders.js";
import { yolov9, type Outcome } from "./testing/command-line.js";

/** Clears the screen, renames the window, returns the cursor, turns the direction, ends an element. */
const BAD = "\u001b[2J\u001b]0;x\u0007\r\u009b1m\u202e\u2066\ufffe{a}";
const NAMES = ["red", "blue"].map((name) => `</text></svg><script>${name}("1")</script>${BAD}`);
const FORBIDDEN = /[^\P{Cc}\n\t]|[\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/u;

let root = "";
let remove: () => Promise<void>;
beforeAll(async () => {
  const description = `train: images/train\nval: images/val\nnames: ${JSON.stringify(NAMES)}\n`;
  const images = ["train", "val"].flatMap((split) => [1, 2, 3].map((seed) => ({ split, seed, name: `${seed}${BAD}` })));
  const pictures = await Promise.all(images.map(({ seed }) => makeJpeg(64, 48, seed)));
  ({ root, remove } = await makeFolder({
    "data.yaml": description,
    ...Object.fromEntries(images.map(({ split, name }, i) => [`images/${split}/${name}.jpg`, pictures[i]!])),
    ...Object.fromEntries(
      images.map(({ split, seed, name }) => [`labels/${split}/${name}.txt`, `${seed % 2} 0.5 0.5 0.6 0.8\n`]),
    ),
    [`images/train/torn${BAD}.jpg`]: pictures[0]!.subarray(0, pictures[0]!.length / 2),
    [`labels/train/torn${BAD}.txt`]: `0 0.5 0.5 0.5 0.5\n9 0.5 0.5 0.5 0.5\n${BAD}\n`,
  }));
  return () => remove();
});

/** Text files below a folder by their extension. */
function written(folder: string, ...extensions: string[]): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => extensions.includes(extname(file)))
    .map((file) => readFileSync(join(folder, file), "utf8"));
}

async function expectWellFormed(markup: string): Promise<void> {
  expect(markup).not.toMatch(FORBIDDEN);
  expect(markup).not.toContain("<script");
  const drawings = markup.match(/<svg[^]*?<\/svg>/g) ?? [];
  expect(drawings.length).toBeGreaterThan(0);
  for (const drawing of drawings) {
    const svg = drawing.replace(/^<svg(?![^>]*xmlns=)/, '<svg xmlns="http://www.w3.org/2000/svg"');
    // By libxml2, which knows too which characters XML forbids.
    expect((await sharp(Buffer.from(svg)).metadata()).format).toBe("svg");
  }
}

function expectHarmless({ out, err }: Outcome): void {
  expect(out).not.toMatch(FORBIDDEN);
  expect(err).not.toMatch(FORBIDDEN);
}

describe("names with control characters and markup", () => {
  it("harm neither the terminal nor pictures nor reports, from check to detect", { timeout: 120_000 }, async () => {
    const data = join(root, "data.yaml");
    const runs = join(root, "runs");

    const checked = await yolov9("data", "check", "--data", data, "--workers", "0", "--report", join(root, "c.html"));
    expect(checked.out).toContain("torn");
    expectHarmless(checked);
    expectHarmless(await yolov9("data", "check", "--data", data, "--workers", "0", "--fix"));
    const listed = await yolov9("data", "check", "--data", data, "--workers", "0", "--json");
    expectHarmless(listed);
    expect(listed.out).toContain(JSON.stringify("\u001b").slice(1, -1));

    const preview = ["--data", data, "--imgsz", "64", "--output", join(root, `preview${BAD}`)];
    expectHarmless(await yolov9("data", "preview", ...preview));

    const small = ["--imgsz", "64", "--batch", "2", "--epochs", "1", "--workers", "0", "--threads", "1"];
    const train = ["--data", data, "--model", "gelan-t", "--project", runs, "--name", `run${BAD}`, ...small];
    const trained = await yolov9("train", ...train);
    expect(trained.code).toBe(0);
    expectHarmless(trained);

    const run = join(runs, `run${BAD}`);
    const tried = ["--weights", run, "--project", runs, "--threads", "1"];
    const measured = await yolov9("val", ...tried, "--data", data, "--workers", "0");
    expect(measured.code).toBe(0);
    expectHarmless(measured);

    const found = await yolov9("detect", ...tried, join(root, "images"), "--confidence", "0");
    expect(found.code).toBe(0);
    expect(found.out).toContain("script");
    expect(found.err).toContain("torn");
    expectHarmless(found);

    expectHarmless(await yolov9("compare", run, run, "--output", join(root, "compared.svg")));
    expectHarmless(await yolov9("detect", "--weights", `no${BAD}`, `none${BAD}`));
    expectHarmless(await yolov9("detect", `--no${BAD}`));
    expectHarmless(await yolov9("val", "--weights", run, "--data", data, "--split", BAD));

    const markup = written(root, ".html", ".svg");
    expect(markup.length).toBeGreaterThan(8);
    for (const text of markup) await expectWellFormed(text);
    for (const text of written(runs, ".csv")) expect(text).not.toMatch(FORBIDDEN);
  });
});
