import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, Detector } from "./node.js";
import { BOX_HEIGHT, BOX_WIDTH, CELL, METADATA, tinyOnnx } from "./testing/tiny-onnx.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "detector-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Pixels whose cells score 0.498 and 0.502, so that only painted cells are confident. The grey of the padding scores 0.447 and 0.553. */
function picture(width: number, height: number, channels: 3 | 4 = 3) {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i += channels) data.set([0, 0, 127, 255].slice(0, channels), i);
  return { data, width, height, channels };
}

/** Paint one cell of a picture: a box centred at (red, green) of the model's input. */
function paint(image: ReturnType<typeof picture>, x: number, y: number, size: number, colour: readonly number[]): void {
  for (let row = y; row < y + size; row++) {
    for (let column = x; column < x + size; column++) {
      image.data.set(colour.slice(0, image.channels), (row * image.width + column) * image.channels);
    }
  }
}

const CONFIDENT = { confidence: 0.75 };

describe("Detector", () => {
  it("finds the painted box in raw pixels of the model's own size", async () => {
    const detector = await Detector.load(tinyOnnx());
    const image = picture(160, 160);
    paint(image, 16, 24, CELL, [80, 100, 255]);
    const found = await detector.detect(image, CONFIDENT);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ classId: 0, className: "blue", score: 1 });
    const expected = [80 - BOX_WIDTH / 2, 100 - BOX_HEIGHT / 2, 80 + BOX_WIDTH / 2, 100 + BOX_HEIGHT / 2];
    for (let i = 0; i < 4; i++) expect(found[0]!.box[i]).toBeCloseTo(expected[i]!, 3);
    await detector.dispose();
  });

  it("gives boxes in pixels of a larger, wider picture", async () => {
    const detector = await Detector.load(tinyOnnx());
    // 640x320 into 160x160: a quarter of the size, 40 rows of padding above. A 32-pixel square becomes one cell.
    const image = picture(640, 320, 4);
    paint(image, 64, 96, 32, [80, 100, 255, 0]);
    const [found] = await detector.detect(image, CONFIDENT);
    const expected = [(80 - 20) * 4, (100 - 10 - 40) * 4, (80 + 20) * 4, (100 + 10 - 40) * 4];
    for (let i = 0; i < 4; i++) expect(found!.box[i]).toBeCloseTo(expected[i]!, 2);
    await detector.dispose();
  });

  it("clips boxes to the picture", async () => {
    const detector = await Detector.load(tinyOnnx());
    const image = picture(160, 160);
    paint(image, 0, 0, CELL, [155, 5, 255]);
    const [found] = await detector.detect(image, CONFIDENT);
    expect(found!.box[1]).toBe(0);
    expect(found!.box[2]).toBe(160);
    await detector.dispose();
  });

  it("finds the same in a file's path, URL and bytes as in its pixels", async () => {
    const image = picture(160, 160);
    paint(image, 16, 24, CELL, [80, 100, 255]);
    const png = await sharp(image.data, { raw: { width: 160, height: 160, channels: 3 } })
      .png()
      .toBuffer();
    const path = join(folder, "scene.png");
    writeFileSync(path, png);
    const modelPath = join(folder, "tiny.onnx");
    writeFileSync(modelPath, tinyOnnx());
    const detector = await Detector.load(modelPath);
    const expected = await detector.detect(image, CONFIDENT);
    expect(expected).toHaveLength(1);
    for (const input of [path, pathToFileURL(path), png]) {
      expect(await detector.detect(input, CONFIDENT)).toEqual(expected);
    }
    await detector.dispose();
  });

  it("turns a picture as its EXIF orientation says", async () => {
    const image = picture(16, 8);
    paint(image, 0, 0, 8, [10, 20, 30]);
    const raw = sharp(image.data, { raw: { width: 16, height: 8, channels: 3 } });
    const turned = await decodeImage(await raw.png().withMetadata({ orientation: 6 }).toBuffer());
    expect([turned.width, turned.height]).toEqual([8, 16]);
    // Turned clockwise, the left half is at the top.
    expect([...turned.data.subarray(0, 3)]).toEqual([10, 20, 30]);
    expect([...turned.data.subarray(-3)]).toEqual([0, 0, 127]);
  });

  it("decodes grey, 16-bit and palette pictures to 8-bit RGB", async () => {
    const grey = sharp({ create: { width: 4, height: 3, channels: 3, background: { r: 90, g: 90, b: 90 } } });
    const files = [
      await grey.clone().toColourspace("b-w").png().toBuffer(),
      await grey.clone().toColourspace("rgb16").png().toBuffer(),
      await grey.clone().png({ palette: true }).toBuffer(),
    ];
    for (const file of files) {
      const { data, width, height } = await decodeImage(file);
      expect([width, height, data.length]).toEqual([4, 3, 36]);
      expect([...new Set(data)]).toEqual([90]);
    }
  });

  it("detects in a batch what it detects one by one", async () => {
    const pictures = Array.from({ length: 11 }, (_, i) => {
      const image = picture(160, 160);
      paint(image, 8 * i, 24, CELL, [40 + i, 100 - i, 255]);
      return image;
    });
    for (const batch of ["batch", 1, 4]) {
      const detector = await Detector.load(tinyOnnx({ batch }));
      const together = await detector.detectBatch(pictures, CONFIDENT);
      expect(together.map((found) => found.length)).toEqual(Array(11).fill(1));
      expect(together[7]![0]!.box[0]).toBeCloseTo(47 - BOX_WIDTH / 2, 3);
      for (const [i, image] of pictures.entries()) {
        expect(await detector.detect(image, CONFIDENT)).toEqual(together[i]);
      }
      expect(await detector.detectBatch([])).toEqual([]);
      await detector.dispose();
    }
  });

  it("uses the size that the graph fixes, and any that the caller chooses where it does not", async () => {
    const fixed = await Detector.load(tinyOnnx({ batch: 1, height: 96, width: 128 }));
    expect([fixed.card.imageHeight, fixed.card.imageWidth]).toEqual([96, 128]);
    expect(await fixed.predict(new Float32Array(3 * 96 * 128))).toHaveLength(6 * 12 * 16);
    await expect(fixed.predict(new Float32Array(3 * 64 * 64), { height: 64, width: 64 })).rejects.toThrow(
      "takes images of 128x96, not 64x64",
    );
    await fixed.dispose();
    const open = await Detector.load(tinyOnnx(), { imageSize: 64 });
    expect(await open.predict(new Float32Array(2 * 3 * 64 * 64))).toHaveLength(2 * 6 * 64);
    expect(await open.predict(new Float32Array(3 * 32 * 64), { height: 32 })).toHaveLength(6 * 32);
    await expect(open.predict(new Float32Array(10), { batch: 1 })).rejects.toThrow(
      "1 images of 64x64 are 12288 floats",
    );
    await open.dispose();
  });

  it("applies confidence, classes, agnosticism and the number of boxes", async () => {
    const detector = await Detector.load(tinyOnnx());
    const image = picture(160, 160);
    paint(image, 0, 0, CELL, [80, 100, 255]); // blue 1
    paint(image, 8, 0, CELL, [80, 100, 51]); // not blue 0.8, same place
    paint(image, 16, 0, CELL, [40, 20, 204]); // blue 0.8
    const names = async (options: Parameters<typeof detector.detect>[1]) =>
      (await detector.detect(image, { ...CONFIDENT, ...options })).map(({ className }) => className);
    expect(await names({})).toEqual(["blue", "not blue", "blue"]);
    expect(await names({ classes: ["not blue"] })).toEqual(["not blue"]);
    expect(await names({ classes: [0] })).toEqual(["blue", "blue"]);
    expect(await names({ agnostic: true })).toEqual(["blue", "blue"]);
    expect(await names({ maxDetections: 1 })).toEqual(["blue"]);
    expect(await names({ confidence: 0.9 })).toEqual(["blue"]);
    // Without options the file's own 0.5 holds, which lets the background's 0.502 pass and not its 0.498.
    const scores = (await detector.detect(image, { multiLabel: true })).map(({ score }) => score);
    expect(Math.min(...scores)).toBeCloseTo(1 - 127 / 255, 5);
    await expect(detector.detect(image, { classes: ["red"] })).rejects.toThrow(
      "no class red; the model knows 2: blue, not blue",
    );
    await expect(detector.detect(image, { confidence: 50 })).rejects.toThrow("confidence 50");
    await detector.dispose();
  });

  it("takes names from options where the file has none", async () => {
    const foreign = tinyOnnx({ metadata: {}, outputName: "predictions" });
    await expect(Detector.load(foreign)).rejects.toThrow("pass the class names");
    await expect(Detector.load(foreign, { names: ["a"] })).rejects.toThrow("1 class names, but the graph predicts 2");
    const detector = await Detector.load(foreign, { names: ["a", "b"], imageSize: 64 });
    expect(detector.names).toEqual(["a", "b"]);
    await detector.dispose();
  });

  it("says what is wrong with a model file", async () => {
    const missing = join(folder, "none.onnx");
    await expect(Detector.load(missing)).rejects.toThrow(`model ${missing} cannot be read`);
    const page = join(folder, "page.onnx");
    writeFileSync(page, "<!doctype html>");
    await expect(Detector.load(page)).rejects.toThrow(`${page} is not an ONNX model`);
    const bytes = tinyOnnx();
    await expect(Detector.load(bytes.subarray(0, bytes.length >> 1))).rejects.toThrow("or only a part of one");
    const damaged = bytes.slice();
    damaged.set(new TextEncoder().encode("Cnov"), Buffer.from(damaged).indexOf("Conv"));
    await expect(Detector.load(damaged)).rejects.toThrow("ONNX Runtime cannot load it");
    await expect(Detector.load(tinyOnnx({ metadata: { ...METADATA, names: "[]" } }))).rejects.toThrow('"names"');
  });

  it("says what is wrong with a picture", async () => {
    const missing = join(folder, "none.jpg");
    await expect(decodeImage(missing)).rejects.toThrow(`image ${missing} cannot be read`);
    const text = join(folder, "text.jpg");
    writeFileSync(text, "not a picture");
    await expect(decodeImage(text)).rejects.toThrow(`${text} cannot be decoded as an image`);
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) & 255);
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(decodeImage(jpeg.subarray(0, jpeg.length >> 1))).rejects.toThrow("image cannot be decoded");
    await expect(decodeImage({ data: new Uint8Array(5), width: 2, height: 1, channels: 3 })).rejects.toThrow(
      "needs 6 bytes, not 5",
    );
  });

  it("cannot be used after it was disposed, and may be disposed twice", async () => {
    const detector = await Detector.load(tinyOnnx());
    await detector.dispose();
    await detector.dispose();
    await expect(detector.detect(picture(160, 160))).rejects.toThrow("model has been disposed");
  });
});
