import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { PreviewConfig } from "../config/preview-config.js";
import { AugmentConfig, defaultAugment } from "./augment/config.js";
import { openDataset } from "./dataset.js";
import { Loader } from "./loader.js";
import { writePreview } from "./preview/preview.js";
import { Replay } from "./replay.js";
import type { Dataset, Sample } from "./sample.js";
import { makeFolder, makeJpeg, type Files } from "./testing/folders.js";

let root: string;
let remove: () => Promise<void>;
let dataset: Dataset;
let samples: readonly Sample[];

beforeAll(async () => {
  const files: Files = { "data.yaml": "train: images/train\nval: images/train\nnames: [a, b]\n" };
  for (let i = 0; i < 7; i++) {
    files[`images/train/${i}.jpg`] = await makeJpeg(i % 2 === 0 ? 80 : 48, 60, i);
    files[`labels/train/${i}.txt`] = "0 0.5 0.5 0.4 0.5\n1 0.1 0.1 0.5 0.1 0.3 0.6\n";
  }
  ({ root, remove } = await makeFolder(files));
  dataset = await openDataset(root);
  // Two keypoints an object, the second hidden.
  samples = dataset.splits.train!.map((sample) => {
    const keypoints = Float32Array.from([20, 20, 2, 30, 30, 1, 10, 10, 2, 0, 0, 0]);
    return { ...sample, keypoints };
  });
});
afterAll(() => remove());

const everything = AugmentConfig.parse({
  ...defaultAugment,
  ...{ mosaic: 0.7, mosaic9: 0.3, mixup: 0.5, copyPaste: 1, degrees: 10, perspective: 0.0005, blur: 0.3, noise: 0.3 },
});

describe("replaying", () => {
  it.each([
    ["multi-scale", { multiScale: 0.5, rect: false }],
    ["rectangles", { multiScale: 0, rect: true }],
  ])("makes each image of an epoch alone as training made it: %s", async (_, options) => {
    const common = { imageSize: 64, batchSize: 3, seed: 5, augment: everything, keypointFlip: [1, 0], ...options };
    const loader = new Loader(samples, { ...common, shuffle: true, workers: 0, outlines: true });
    const replay = new Replay(samples, common);
    for await (const batch of loader.batches(2)) {
      const bytes = 3 * batch.width * batch.height;
      const perRow = (2 * 3 * batch.targets.rows.length) / 6;
      expect(batch.keypoints).toHaveLength(perRow);
      for (let image = 0; image < batch.batchSize; image++) {
        const made = await replay.image(2, samples.indexOf(batch.samples[image]!));
        const planes = batch.images.subarray(image * bytes, (image + 1) * bytes);
        const { width, data } = made.image;
        expect([width, data.length]).toEqual([batch.width, bytes]);
        const pixel = 17 * width + 23;
        expect([...data.subarray(pixel * 3, pixel * 3 + 3)]).toEqual(
          [0, 1, 2].map((c) => planes[(c * bytes) / 3 + pixel]),
        );
        expect(sum(data)).toBe(sum(planes));
        const rows = [...batch.targets.rows];
        const own = Array.from({ length: rows.length / 6 }, (__, i) => i).filter((i) => rows[i * 6] === image);
        expect(made.rows).toEqual(own.flatMap((i) => rows.slice(i * 6 + 1, i * 6 + 6)));
        expect(made.outlines).toEqual(own.map((i) => batch.outlines[i]));
        expect([...made.keypoints]).toEqual(own.flatMap((i) => [...batch.keypoints.subarray(i * 6, i * 6 + 6)]));
      }
    }
    await loader.close();
  });

  it("says which images there are", async () => {
    const replay = new Replay(samples, { imageSize: 64, augment: defaultAugment });
    await expect(replay.image(0, 7)).rejects.toThrow("there is no image 7; the split has 7 (0..6)");
  });
});

describe("previews", () => {
  const settings = (more: object) => PreviewConfig.parse({ data: root, imgsz: 64, ...more });

  it("show a stretch of an epoch on one sheet", async () => {
    const output = await mkdtemp(join(tmpdir(), "yolov9-preview-"));
    const [file] = await writePreview(samples, dataset, settings({ output, epoch: 3, index: 2, count: 4 }));
    expect(file).toBe(join(output, "seed0-epoch3-index2.jpg"));
    // Two by two cells of 320 px with gaps of 8 and titles of 18 px.
    expect(await sharp(file).metadata()).toMatchObject({ width: 2 * 328 + 8, height: 2 * 346 + 8 });
    await rm(output, { recursive: true });
  });

  it("show each augmentation on a sheet of its own", async () => {
    const output = await mkdtemp(join(tmpdir(), "yolov9-preview-"));
    const files = await writePreview(samples, dataset, settings({ output, each: true, count: 4 }));
    const named = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const expected = Object.keys(AugmentConfig.shape).map((key) => `each-${named(key)}.jpg`);
    expect(await readdir(output)).toEqual(expect.arrayContaining(expected));
    expect(files).toHaveLength(expected.length + 4);
    await rm(output, { recursive: true });
  });
});

function sum(bytes: ArrayLike<number>): number {
  return Array.from(bytes).reduce((total, level) => total + level, 0);
}
