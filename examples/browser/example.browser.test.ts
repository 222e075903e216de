import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Detector, type Detection } from "@yolov9/runtime";
import { BatchNorm2d, Conv2d, manualSeed, noGrad } from "@yolov9/torch";
import sharp from "sharp";
import { expect, it } from "vitest";
import { buildModel, exportModel, loadModelSpec } from "yolov9";
import {
  buildSite,
  chromiumPath,
  LACKS_CHROMIUM,
  launchChromium,
  Site,
} from "../../packages/runtime/src/testing/chromium.js";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const SCREENSHOT = process.env["YOLOV9_SCREENSHOT"];

/** GELAN-T with random weights, so large that signals reach the heads and scores spread from 0 to 1. */
async function randomModel(): Promise<Uint8Array> {
  manualSeed(1);
  const model = buildModel(loadModelSpec("gelan-t"), { names: ["circle", "square", "triangle"] });
  noGrad(() => {
    for (const [name, module] of model.modules()) {
      if (module instanceof BatchNorm2d) module.weight.fill_(2.5);
      if (!(module instanceof Conv2d) || !/classes\.\d\.predict$/.test(name)) continue;
      module.weight.mul_(100);
      module.bias?.fill_(-1);
    }
  });
  const { file } = await exportModel(model, { height: 96, width: 96 });
  model.dispose();
  return file;
}

/** A photo's worth of shapes, lying on its side as EXIF says. */
function picture(): Promise<Buffer> {
  const shapes =
    '<rect width="200" height="140" fill="#cde"/><circle cx="50" cy="60" r="30" fill="#c22"/>' +
    '<rect x="110" y="30" width="50" height="70" fill="#27a"/><path d="M20 120 L180 110 L100 135Z" fill="#7b3"/>';
  const svg = `<svg width="200" height="140" xmlns="http://www.w3.org/2000/svg">${shapes}</svg>`;
  return sharp(Buffer.from(svg)).jpeg().withMetadata({ orientation: 6 }).toBuffer();
}

/** "circle 0.835 at 0.0 0.0 199.8 140.0" */
function parseItem(text: string): Detection {
  const [className = "", score, , ...box] = text.split(" ");
  const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = box.map(Number);
  return { className, classId: NaN, score: Number(score), box: [x1, y1, x2, y2] };
}

it(
  "the example finds in a page what Node finds with the same exported model",
  { timeout: 180_000 },
  async ({ skip }) => {
    if (chromiumPath === undefined) skip(LACKS_CHROMIUM);
    const folder = mkdtempSync(join(tmpdir(), "browser-example-"));
    const [model, photo] = [await randomModel(), await picture()];
    writeFileSync(join(folder, "best.onnx"), model);
    const detector = await Detector.load(model);
    const expected = await detector.detect(photo);
    await detector.dispose();
    expect(expected.length).toBeGreaterThan(5);

    await buildSite(ROOT, folder);
    const site = await Site.serve(folder, { isolated: true });
    const browser = await launchChromium();
    try {
      const page = await site.open(browser);
      await page.getByText("ready to find circle, square, triangle").waitFor();
      await page.setInputFiles("#file", { name: "photo.jpg", mimeType: "image/jpeg", buffer: photo });
      await page.getByText(/^\d+ objects in \d+ ms$/).waitFor();
      const found = (await page.locator("#found li").allTextContents()).map(parseItem);
      if (SCREENSHOT !== undefined) await page.screenshot({ path: SCREENSHOT });
      expect(found.map(({ className }) => className)).toEqual(expected.map(({ className }) => className));
      for (const [i, { score, box }] of expected.entries()) {
        // The list is rounded to 0.001 and 0.1 px.
        expect(Math.abs(found[i]!.score - score)).toBeLessThan(1e-3);
        for (const [k, side] of box.entries()) expect(Math.abs(found[i]!.box[k]! - side)).toBeLessThan(0.1);
      }
    } finally {
      await browser.close();
      await site.close();
      rmSync(folder, { recursive: true });
    }
  },
);
