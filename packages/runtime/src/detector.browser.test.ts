import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Detector, type Detection } from "./node.js";
import type { Job, JobResult } from "./testing/browser/job.js";
import { buildSite, chromiumPath, LACKS_CHROMIUM, launchChromium, Site } from "./testing/chromium.js";
import { CELL, tinyOnnx } from "./testing/tiny-onnx.js";

const PAGES = fileURLToPath(new URL("./testing/browser/", import.meta.url));
const CONFIDENT = { confidence: 0.75 };
const [WIDTH, HEIGHT] = [160, 96];

/**
 * Coloured cells, a box each. A colour that is off by one moves its box by a pixel, and every cell has a score of its own.
 * @param alpha of a cell
 */
function cells(channels: 3 | 4, alpha: (cell: number) => number = () => 255): Sharp {
  const data = new Uint8Array(WIDTH * HEIGHT * channels);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const cell = Math.floor(y / CELL) * (WIDTH / CELL) + Math.floor(x / CELL);
      const isObject = cell % 10 === 0;
      const colour = isObject ? [(cell * 37) % 160, (cell * 53) % 160, 255 - cell / 5] : [0, 0, 127];
      data.set([...colour, alpha(cell)].slice(0, channels), (y * WIDTH + x) * channels);
    }
  }
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels } });
}

/** Picture files by name: every EXIF orientation, alpha of every kind, a colour profile, several formats. */
async function pictureFiles(): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (let orientation = 1; orientation <= 8; orientation++) {
    files.set(`turned-${orientation}.jpg`, await cells(3).jpeg().withMetadata({ orientation }).toBuffer());
  }
  files.set("turned.png", await cells(3).png().withMetadata({ orientation: 6 }).toBuffer());
  const seethrough = cells(4, (cell) => [0, 1, 60, 128, 254][Math.floor(cell / 10) % 5]!);
  files.set("alpha.png", await seethrough.clone().png().toBuffer());
  files.set("alpha.webp", await seethrough.clone().webp({ lossless: true, exact: true }).toBuffer());
  files.set("wide-gamut.png", await cells(3).png().withIccProfile("p3").toBuffer());
  files.set("deep.png", await cells(3).toColourspace("rgb16").png().toBuffer());
  return files;
}

/** The same boxes: to 0.1 px and 1e-3 of score, in the same order. */
function expectSame(found: readonly Detection[], expected: readonly Detection[], name: string): void {
  expect(found.length, name).toBe(expected.length);
  for (const [i, { box, score, className }] of expected.entries()) {
    expect(found[i]!.className, name).toBe(className);
    expect(Math.abs(found[i]!.score - score), name).toBeLessThan(1e-3);
    for (const [k, side] of box.entries()) expect(Math.abs(found[i]!.box[k]! - side), `${name} ${i}`).toBeLessThan(0.1);
  }
}

if (chromiumPath === undefined) console.warn(`not tested in a browser: ${LACKS_CHROMIUM}`);

describe.skipIf(chromiumPath === undefined)("Detector in Chromium", { timeout: 180_000 }, () => {
  let folder: string;
  let browser: Browser;
  let isolated: Site;
  let shared: Site;
  let names: string[];
  const expected = new Map<string, Detection[]>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "detector-site-"));
    await buildSite(PAGES, folder);
    writeFileSync(join(folder, "tiny.onnx"), tinyOnnx());
    const detector = await Detector.load(tinyOnnx());
    for (const [name, bytes] of await pictureFiles()) {
      writeFileSync(join(folder, name), bytes);
      expected.set(name, await detector.detect(bytes, CONFIDENT));
    }
    await detector.dispose();
    names = [...expected.keys()];
    isolated = await Site.serve(folder, { isolated: true });
    shared = await Site.serve(folder, { isolated: false });
    browser = await launchChromium();
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    await Promise.all([isolated.close(), shared.close()]);
    rmSync(folder, { recursive: true });
  });

  async function run(site: Site, where: "page" | "worker", job: Partial<Job>): Promise<JobResult> {
    const whole: Job = { model: "/tiny.onnx", pictures: names.map((name) => `/${name}`), detect: CONFIDENT, ...job };
    const page = await site.open(browser);
    try {
      return await page.evaluate<JobResult>(`runJob.${where}(${JSON.stringify(whole)})`);
    } finally {
      await page.close();
    }
  }

  it("finds several boxes to compare in every picture, other ones in a turned picture", () => {
    for (const name of names) expect(expected.get(name)!.length, name).toBeGreaterThan(10);
    expect(expected.get("turned-1.jpg")).not.toEqual(expected.get("turned-3.jpg"));
  });

  it.each([
    ["page", 1],
    ["page", 3],
    ["worker", 1],
    ["worker", 3],
  ] as const)("finds the same boxes as Node in a %s with %i threads", async (where, threads) => {
    const result = await run(isolated, where, { load: { threads } });
    expect(result.isolated).toBe(true);
    expect(result.threadWorkers).toBe(threads - 1);
    for (const [i, name] of names.entries()) expectSame(result.found[i]!, expected.get(name)!, name);
  });

  it("does with one thread in a page that shares no memory", async () => {
    const result = await run(shared, "page", { pictures: ["/turned-6.jpg", "/alpha.png"] });
    expect(result.isolated).toBe(false);
    expect(result.threadWorkers).toBe(0);
    expectSame(result.found[0]!, expected.get("turned-6.jpg")!, "turned-6.jpg");
    expectSame(result.found[1]!, expected.get("alpha.png")!, "alpha.png");
  });

  it("takes a picture as a blob, as bytes and as a bitmap", async () => {
    const { found } = await run(shared, "page", { pictures: ["/turned-5.jpg"], as: ["blob", "bytes", "bitmap"] });
    expect(found).toHaveLength(3);
    for (const boxes of found) expectSame(boxes, expected.get("turned-5.jpg")!, "turned-5.jpg");
  });

  it("computes with WebGPU", async ({ skip }) => {
    const page = await isolated.open(browser);
    const adapter = await page.evaluate<boolean>("navigator.gpu?.requestAdapter().then(Boolean) ?? false");
    await page.close();
    if (!adapter) skip("this Chromium has no WebGPU adapter, not even SwiftShader's");
    const pictures = ["/turned-1.jpg", "/alpha.png"];
    const { found } = await run(isolated, "page", { pictures, load: { executionProviders: ["webgpu"] } });
    expectSame(found[0]!, expected.get("turned-1.jpg")!, "turned-1.jpg");
    expectSame(found[1]!, expected.get("alpha.png")!, "alpha.png");
  });

  it("names the picture that cannot be decoded, and the model that is not there", async () => {
    await expect(run(shared, "page", { pictures: ["/tiny.onnx"] })).rejects.toThrow(
      "/tiny.onnx cannot be decoded as an image",
    );
    await expect(run(shared, "page", { model: "/none.onnx" })).rejects.toThrow("/none.onnx: the server answers 404");
  });
});
