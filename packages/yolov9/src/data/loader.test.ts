import { createHash } from "node:crypto";
import { join } from "node:path";

import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { defaultAugment } from "./augment/config.js";
import { openDataset } from "./dataset.js";
import { decodeImage } from "./decode.js";
import { Loader, type Batch, type EpochOptions, type LoaderOptions } from "./loader.js";
import type { Sample } from "./sample.js";
import { makeFolder, makeJpeg, type Files } from "./testing/folders.js";

const training: LoaderOptions = {
  imageSize: 64,
  batchSize: 4,
  augment: defaultAugment,
  seed: 7,
  shuffle: true,
  workers: 0,
};
const evaluation: LoaderOptions = { imageSize: 64, batchSize: 4, workers: 0 };

let root: string;
let remove: () => Promise<void>;
let whole: readonly Sample[];
let damaged: readonly Sample[];

beforeAll(async () => {
  const files: Files = { "data.yaml": "train: images/whole\nval: images/damaged\nnames: [a, b]\n" };
  for (let i = 0; i < 10; i++) {
    const jpeg = await makeJpeg(i % 2 === 0 ? 80 : 48, 60, i);
    files[`images/whole/${i}.jpg`] = jpeg;
    files[`labels/whole/${i}.txt`] = `0 0.5 0.5 0.${i + 1} 0.5\n1 0.3 0.3 0.2 0.2\n`;
    // The header stays, half of the pixels go.
    files[`images/damaged/${i}.jpg`] = i % 3 === 1 ? jpeg.subarray(0, jpeg.length >> 1) : jpeg;
    files[`labels/damaged/${i}.txt`] = "0 0.5 0.5 0.5 0.5\nthis is text\n";
  }
  ({ root, remove } = await makeFolder(files));
  const { splits } = await openDataset(root);
  whole = splits.train!;
  damaged = splits.val!;
});
afterAll(() => remove());

/** Everything that a batch says, with its pixels as a hash. */
function describeBatch({ images, targets, samples, geometries, batchSize }: Batch) {
  return {
    batchSize,
    images: createHash("sha256").update(images).digest("hex"),
    rows: [...targets.rows],
    ids: samples.map(({ id }) => id),
    geometries: [...geometries],
  };
}

async function epochOf(samples: readonly Sample[], options: LoaderOptions, epochs = [0], epochOptions?: EpochOptions) {
  const loader = new Loader(samples, options);
  const batches: ReturnType<typeof describeBatch>[] = [];
  for (const epoch of epochs) {
    for await (const batch of loader.batches(epoch, epochOptions)) batches.push(describeBatch(batch));
  }
  await loader.close();
  return { batches, problems: loader.problems };
}

describe("the training loader", () => {
  it("gives the same batches with 0, 1 and 2 threads, with and without memory for pictures, in any order of epochs", async () => {
    const { batches } = await epochOf(whole, training, [0, 1]);
    expect(batches.map(({ batchSize }) => batchSize)).toEqual([4, 4, 2, 4, 4, 2]);
    expect((await epochOf(whole, { ...training, workers: 1 }, [0, 1])).batches).toEqual(batches);
    expect((await epochOf(whole, { ...training, workers: 2 }, [0, 1])).batches).toEqual(batches);
    expect((await epochOf(whole, { ...training, cacheBytes: 30_000 }, [0, 1])).batches).toEqual(batches);
    expect((await epochOf(whole, { ...training, cacheBytes: 0 }, [1])).batches).toEqual(batches.slice(3));
  });

  it("differs by epoch, seed and mosaic, and visits every sample once", async () => {
    const { batches } = await epochOf(whole, training);
    const ids = batches.flatMap((batch) => batch.ids);
    expect([...ids].sort()).toEqual(whole.map(({ id }) => id));
    const others = await Promise.all([
      epochOf(whole, training, [1]),
      epochOf(whole, { ...training, seed: 8 }),
      epochOf(whole, training, [0], { mosaic: false }),
    ]);
    for (const other of others) expect(other.batches[0]!.images).not.toBe(batches[0]!.images);
    expect(others[0].batches.flatMap((batch) => batch.ids)).not.toEqual(ids);
    // Mosaic does not change the order.
    expect(others[2].batches.flatMap((batch) => batch.ids)).toEqual(ids);
  });

  it("goes on within an epoch, and leaves the last short batch out on request", async () => {
    const { batches } = await epochOf(whole, training);
    expect((await epochOf(whole, training, [0], { firstBatch: 1 })).batches).toEqual(batches.slice(1));
    expect((await epochOf(whole, { ...training, dropLast: true })).batches).toEqual(batches.slice(0, 2));
  });

  it("replaces truncated pictures alike on any number of threads, and reports each once", async () => {
    const alone = await epochOf(damaged, training, [0, 1, 2]);
    expect(alone.batches.reduce((sum, { batchSize }) => sum + batchSize, 0)).toBe(30);
    const files = alone.problems.map(({ file }) => file).sort();
    expect(files).toEqual([1, 4, 7].map((i) => join(root, `images/damaged/${i}.jpg`)));
    expect(alone.problems[0]!.reason).toMatch(/^cannot read the image \(.*; image skipped$/);
    const pooled = await epochOf(damaged, { ...training, workers: 2 }, [0, 1, 2]);
    expect(pooled.batches).toEqual(alone.batches);
    expect(pooled.problems).toHaveLength(3);
  });

  it("fails when no picture at all can be decoded", async () => {
    for (const workers of [0, 1]) {
      const broken = damaged.filter((_, i) => i % 3 === 1);
      await expect(epochOf(broken, { ...training, workers })).rejects.toThrow(
        /none of the 3 images can be decoded \(.*cannot read/,
      );
    }
  });

  it("gives the same batches when the number of threads changes on the way", async () => {
    const { batches } = await epochOf(whole, { ...training, batchSize: 1 });
    const loader = new Loader(whole, { ...training, batchSize: 1, workers: 2 });
    const counts = [3, 1, 2];
    const changed: ReturnType<typeof describeBatch>[] = [];
    for await (const batch of loader.batches(0)) {
      expect(batch.makingMs).toBeGreaterThan(0);
      changed.push(describeBatch(batch));
      loader.workers = counts.shift() ?? loader.workers;
    }
    await loader.close();
    expect(changed).toEqual(batches);
    const alone = new Loader(whole, training);
    expect(() => (alone.workers = 1)).toThrow(/0 threads/);
  });

  it("makes only a few batches ahead, and can be left early and closed", async () => {
    const loader = new Loader(whole, { ...training, batchSize: 1, workers: 2 });
    for await (const batch of loader.batches(0)) {
      expect(batch.batchSize).toBe(1);
      break;
    }
    const again: number[] = [];
    for await (const batch of loader.batches(0)) again.push(batch.batchSize);
    expect(again).toHaveLength(10);
    await loader.close();
    await expect(loader.batches(0).next()).rejects.toThrow("closed");
  });
});

describe("memory and shutdown", () => {
  it("stays flat over epochs: buffers and scratch memory are used again", async () => {
    const loader = new Loader(whole, { ...training, batchSize: 2, imageSize: 128, multiScale: 0.5, workers: 0 });
    const seen = new Set<ArrayBufferLike>();
    const run = async (epoch: number) => {
      for await (const { images } of loader.batches(epoch)) seen.add(images.buffer);
    };
    await run(0);
    const { arrayBuffers: before } = process.memoryUsage();
    for (let epoch = 1; epoch < 12; epoch++) await run(epoch);
    // 60 batches in one buffer, large enough for the largest size; what is left is less than two images of it.
    expect(seen.size).toBe(1);
    expect([...seen][0]!.byteLength).toBe(2 * 3 * 192 * 192);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 3 * 192 * 192);
    await loader.close();
  });

  it("waits for whoever uses the batches: never more buffers than threads, one in use and one ready", async () => {
    const loader = new Loader(whole, { ...training, batchSize: 1, workers: 2 });
    const seen = new Set<ArrayBufferLike>();
    for (let epoch = 0; epoch < 3; epoch++) {
      for await (const { images } of loader.batches(epoch)) {
        seen.add(images.buffer);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    expect(seen.size).toBeLessThanOrEqual(3);
    await loader.close();
  });

  it("ends its threads when it is closed in the middle of an epoch", async () => {
    const loader = new Loader(whole, { ...training, batchSize: 1, workers: 2 });
    let count = 0;
    for await (const { batchSize } of loader.batches(0)) {
      count += batchSize;
      if (count === 3) await loader.close();
    }
    expect(count).toBe(3);
    await expect(loader.batches(0).next()).rejects.toThrow("closed");
  });
});

describe("the evaluation loader", () => {
  it("keeps the order, letterboxes with 114 and says how to get back", async () => {
    const loader = new Loader(whole, evaluation);
    const seen: unknown[] = [];
    for await (const { samples, images, geometries, targets, batchSize } of loader.batches(0)) {
      seen.push(...samples);
      expect(geometries).toHaveLength(batchSize);
      if (seen.length > 4) continue;
      // 80 x 60 into 64 x 64: 64 x 48 with 8 rows of grey above and below.
      expect(geometries[0]).toMatchObject({ ratio: 0.8, resizedWidth: 64, resizedHeight: 48, padLeft: 0, padTop: 8 });
      expect(new Set(images.subarray(0, 8 * 64))).toEqual(new Set([114]));
      expect([...targets.rows.subarray(0, 6)].map((value) => Number(value.toFixed(4)))).toEqual([
        0, 0, 0.5, 0.5, 0.1, 0.375,
      ]);
    }
    expect(seen).toEqual(whole);
    await loader.close();
  });

  it("does not enlarge small pictures on request", async () => {
    const { batches } = await epochOf(whole, { ...evaluation, imageSize: 128, letterbox: { scaleUp: false } });
    expect(batches[0]!.geometries[0]).toMatchObject({ ratio: 1, padLeft: 24, padTop: 34 });
  });

  it("gives the same batches with 0 and 2 threads and leaves broken pictures out", async () => {
    const alone = await epochOf(damaged, evaluation);
    expect(alone.batches.flatMap(({ ids }) => ids)).toEqual(["0", "2", "3", "5", "6", "8", "9"]);
    expect(alone.problems).toHaveLength(3);
    expect((await epochOf(damaged, { ...evaluation, workers: 2 })).batches).toEqual(alone.batches);
  });

  it("leaves crowd regions out of the targets", async () => {
    const [first] = whole;
    const { batches } = await epochOf([{ ...first!, crowd: Uint8Array.of(1, 0) }], evaluation);
    expect(batches[0]!.rows).toHaveLength(6);
    expect(batches[0]!.rows[1]).toBe(1);
  });
});

describe("decoding", () => {
  /** Left half red, right half blue. */
  const halves = () => {
    const data = Buffer.alloc(40 * 20 * 3);
    for (let i = 0; i < 40 * 20; i++) data[i * 3 + (i % 40 < 20 ? 0 : 2)] = 255;
    return sharp(data, { raw: { width: 40, height: 20, channels: 3 } });
  };
  const pixel = (image: { data: ArrayLike<number>; width: number }, x: number, y: number) =>
    [0, 1, 2].map((c) => Math.round(image.data[(y * image.width + x) * 3 + c]! / 255));

  it("turns pictures by their EXIF orientation, and samples have the turned size", async () => {
    const turned = await makeFolder({
      "images/train/a.jpg": await halves().jpeg({ quality: 100 }).withMetadata({ orientation: 6 }).toBuffer(),
      "labels/train/a.txt": "0 0.5 0.25 1 0.5",
    });
    const { splits } = await openDataset(turned.root);
    const [sample] = splits.train!;
    expect([sample!.width, sample!.height, ...sample!.boxes]).toEqual([20, 40, 0, 0, 20, 20]);
    const image = await decodeImage(sample!.path);
    expect([image.width, image.height]).toEqual([20, 40]);
    // Orientation 6: turned clockwise to be seen, so that the left half is above.
    expect(pixel(image, 10, 5)).toEqual([1, 0, 0]);
    expect(pixel(image, 10, 35)).toEqual([0, 0, 1]);
    await turned.remove();
  });

  it("makes RGB of grey, alpha, 16-bit and CMYK pictures", async () => {
    const folder = await makeFolder({
      "grey.png": await halves().greyscale().png().toBuffer(),
      "alpha.png": await halves().ensureAlpha(0.3).png().toBuffer(),
      "deep.png": await halves().toColourspace("rgb16").png().toBuffer(),
      "cmyk.jpg": await halves().toColourspace("cmyk").jpeg().toBuffer(),
    });
    const open = (name: string) => decodeImage(join(folder.root, name));
    const [grey, alpha, deep, cmyk] = await Promise.all(["grey.png", "alpha.png", "deep.png", "cmyk.jpg"].map(open));
    for (const image of [grey, alpha, deep, cmyk]) expect(image!.data).toHaveLength(40 * 20 * 3);
    expect(new Set(grey!.data.slice(0, 3)).size).toBe(1);
    for (const image of [alpha, deep]) expect([...image!.data.slice(0, 3)]).toEqual([255, 0, 0]);
    expect(pixel(cmyk!, 5, 5)).toEqual([1, 0, 0]);
    await folder.remove();
  });
});
