import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeImage, Detector } from "./browser.js";
import { Detector as NodeDetector } from "./node.js";
import { CELL, tinyOnnx } from "./testing/tiny-onnx.js";

// ONNX Runtime's WebAssembly build runs in Node too; what a page draws needs a page.
beforeAll(() => vi.stubGlobal("navigator", { hardwareConcurrency: 1 }));
afterAll(() => {
  vi.unstubAllGlobals();
});

/** ImageData of 320x320 with eight boxes to find, best score first; two pixels of it are one of the model's input. */
function scene() {
  const [width, height] = [320, 320];
  const data = new Uint8ClampedArray(width * height * 4).fill(127);
  for (let box = 0; box < 8; box++) {
    for (let y = 0; y < 2 * CELL; y++) {
      for (let x = 0; x < 2 * CELL; x++) {
        const pixel = (32 * box + y) * width + 16 * box + x;
        data.set([30 + 12 * box, 20 + 15 * box, 255 - 5 * box, 255], pixel * 4);
      }
    }
  }
  return { data, width, height };
}

describe("Detector of the browser", () => {
  it("finds the same boxes as the one of Node", async () => {
    const [web, node] = [await Detector.load(tinyOnnx()), await NodeDetector.load(tinyOnnx())];
    const image = scene();
    const options = { confidence: 0.75 };
    const found = await web.detect(image, options);
    const expected = await node.detect({ ...image, channels: 4 }, options);
    expect(expected).toHaveLength(8);
    for (const [i, { box, score, className }] of found.entries()) {
      expect(className).toBe("blue");
      expect(score).toBeCloseTo(expected[i]!.score, 5);
      for (let k = 0; k < 4; k++) expect(box[k]).toBeCloseTo(expected[i]!.box[k]!, 2);
    }
    expect(found).toHaveLength(8);
    await web.dispose();
    await node.dispose();
  });

  it("loads a model from a blob and from an address", async () => {
    const bytes = Uint8Array.from(tinyOnnx());
    const address = `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`;
    for (const source of [new Blob([bytes]), bytes.buffer, address]) {
      const detector = await Detector.load(source);
      expect(detector.names).toEqual(["blue", "not blue"]);
      await detector.dispose();
    }
  });

  it("says what is wrong with a model or a picture", async () => {
    await expect(Detector.load(new Blob(["<!doctype html>"]))).rejects.toThrow("model is not an ONNX model");
    await expect(decodeImage({ naturalWidth: 0, naturalHeight: 0 })).rejects.toThrow("wait until it has loaded");
  });
});
