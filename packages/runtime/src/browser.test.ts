import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeImage, Detector } from "./browser.js";
import { Detector as NodeDetector } from "./node.js";
import { tinyOnnx } from "./testing/tiny-onnx.js";

// ONNX Runtime's WebAssembly build runs in Node too; what a page draws needs a page.
beforeAll(() => vi.stubGlobal("navigator", { hardwareConcurrency: 1 }));
afterAll(() => {
  vi.unstubAllGlobals();
});

/** RGBA noise in the shape of ImageData. */
function noise(width: number, height: number) {
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => (i * i * 31 + i * 7) & 255);
  return { data, width, height };
}

describe("Detector of the browser", () => {
  it("finds the same boxes as the one of Node", async () => {
    const [web, node] = [await Detector.load(tinyOnnx()), await NodeDetector.load(tinyOnnx())];
    const image = noise(333, 217);
    const every = { iou: 1, confidence: 0 };
    const [found, expected] = [await web.detect(image, every), await node.detect({ ...image, channels: 4 }, every)];
    expect(expected.length).toBe(300);
    expect(found.map(({ className }) => className)).toEqual(expected.map(({ className }) => className));
    for (const [i, { box, score }] of found.entries()) {
      expect(score).toBeCloseTo(expected[i]!.score, 5);
      for (let k = 0; k < 4; k++) expect(box[k]).toBeCloseTo(expected[i]!.box[k]!, 2);
    }
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
