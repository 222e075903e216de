/** Images and labels reach the network as they did where the published figures were measured: held against the formulas, written plainly. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import sharp from "sharp";
import { describe, expect, it } from "vitest";

import { openDataset } from "./dataset.js";
import { Loader } from "./loader.js";
import { fittedSize, PictureStore, sharePictures, type Preparation } from "./picture-store.js";
import { packSamples } from "./sample-table.js";
import type { Sample } from "./sample.js";
import { makeFolder } from "./testing/folders.js";

/** Grey levels of a lossless picture without regularity. */
function levelsOf(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);
}

type Levels = (x: number, y: number) => number;

/** Linear interpolation between pixel centres, edges repeated: OpenCV's INTER_LINEAR as its documentation has it. */
function linear(levels: Levels, size: readonly [number, number], to: readonly [number, number]): number[] {
  const axis = (i: number, from: number, target: number) => {
    const at = ((i + 0.5) * from) / target - 0.5;
    const low = Math.floor(at);
    const inside = (value: number) => Math.min(Math.max(value, 0), from - 1);
    return { low: inside(low), high: inside(low + 1), share: at - low };
  };
  return Array.from({ length: to[0] * to[1] }, (_, i) => {
    const x = axis(i % to[0], size[0], to[0]);
    const y = axis(Math.floor(i / to[0]), size[1], to[1]);
    const row = (line: number) => levels(x.low, line) * (1 - x.share) + levels(x.high, line) * x.share;
    return row(y.low) * (1 - y.share) + row(y.high) * y.share;
  });
}

/** Mean of the source pixels weighted by how much of each a pixel covers: OpenCV's INTER_AREA. */
function area(levels: Levels, size: readonly [number, number], to: readonly [number, number]): number[] {
  const covered = (i: number, from: number, target: number) => {
    const [start, end] = [(i * from) / target, ((i + 1) * from) / target];
    const first = Math.floor(start);
    return Array.from({ length: Math.ceil(end) - first }, (_, k) => ({
      at: first + k,
      share: (Math.min(first + k + 1, end) - Math.max(first + k, start)) / (end - start),
    }));
  };
  return Array.from({ length: to[0] * to[1] }, (_, i) => {
    const columns = covered(i % to[0], size[0], to[0]);
    const rows = covered(Math.floor(i / to[0]), size[1], to[1]);
    return rows.flatMap((y) => columns.map((x) => levels(x.at, y.at) * x.share * y.share)).reduce((a, b) => a + b);
  });
}

/** What the loaders' store makes of a picture. */
async function prepared(width: number, height: number, preparation: Preparation) {
  const levels = levelsOf(width, height);
  const png = await sharp(levels, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer();
  const { root, remove } = await makeFolder({ "data.yaml": "train: images\nnames: [a]\n", "images/a.png": png });
  try {
    const table = packSamples((await openDataset(root)).splits.train!);
    const store = new PictureStore(table, preparation, sharePictures(table, preparation, 0));
    const image = (await store.get(0))!;
    const at: Levels = (x, y) => levels[y * width + x]!;
    return { image, at, grey: Array.from({ length: image.width * image.height }, (_, i) => image.data[i * 3]!) };
  } finally {
    await remove();
  }
}

function largest(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

describe("loading the published way", () => {
  it("makes the longer side the image size and drops fractions of the shorter one", () => {
    expect(fittedSize(1000, 667, 640)).toEqual({ width: 640, height: 426 });
    expect(fittedSize(667, 1000, 640)).toEqual({ width: 426, height: 640 });
    expect(fittedSize(500, 375, 640)).toEqual({ width: 640, height: 480 });
    expect(fittedSize(640, 427, 640)).toEqual({ width: 640, height: 427 });
  });

  it("interpolates linearly for training, shrinking or enlarging, to a grey level", async () => {
    for (const [width, height] of [[90, 61], [40, 33]] as const) {
      const { image, at, grey } = await prepared(width, height, { kind: "fit", imageSize: 64 });
      expect(largest(grey, linear(at, [width, height], [image.width, image.height]))).toBeLessThanOrEqual(1);
    } // prettier-ignore
  });

  it("averages areas for evaluation where it shrinks, and interpolates where it enlarges, to a grey level", async () => {
    const evaluation = { kind: "letterbox", imageSize: 64, scaleUp: true } as const;
    const shrunk = await prepared(96, 72, evaluation);
    const rows = ({ grey }: { grey: number[] }, from: number, to: number) => grey.slice(from * 64, to * 64);
    expect(largest(rows(shrunk, 8, 56), area(shrunk.at, [96, 72], [64, 48]))).toBeLessThanOrEqual(1);
    expect(new Set([...rows(shrunk, 0, 8), ...rows(shrunk, 56, 64)])).toEqual(new Set([114]));
    const odd = await prepared(100, 75, evaluation);
    expect(largest(rows(odd, 8, 56), area(odd.at, [100, 75], [64, 48]))).toBeLessThanOrEqual(1);
    const enlarged = await prepared(48, 36, evaluation);
    expect(largest(rows(enlarged, 8, 56), linear(enlarged.at, [48, 36], [64, 48]))).toBeLessThanOrEqual(1);
  });

  it("puts labels where the picture went, as fractions of the square", async () => {
    const png = await sharp({ create: { width: 100, height: 51, channels: 3, background: "#888" } }).png().toBuffer(); // prettier-ignore
    const { root, remove } = await makeFolder({
      "data.yaml": "train: images\nnames: [a, b]\n",
      "images/a.png": png,
      "labels/a.txt": "1 0.5 0.5 0.2 0.4\n",
    });
    try {
      const samples: readonly Sample[] = (await openDataset(root)).splits.train!;
      const loader = new Loader(samples, { imageSize: 200, batchSize: 1, workers: 0 });
      for await (const { targets, geometries } of loader.batches(0)) {
        // 98 rows are free: 49 above. Of 97 it would be 48 above and 49 below.
        expect(geometries[0]).toMatchObject({ ratio: 2, resizedHeight: 102, padTop: 49, padLeft: 0 });
        const [image, classIndex, cx, cy, w, h] = targets.rows;
        expect([image, classIndex]).toEqual([0, 1]);
        [cx, cy, w, h].forEach((value, i) => expect(value).toBeCloseTo([0.5, (49 + 51) / 200, 0.2, 40.8 / 200][i]!, 5));
      }
      await loader.close();
    } finally {
      await remove();
    }
  });
});

const cocoOpen = resolve(import.meta.dirname, "../../../../../shared/datasets/coco-open");

/** Numbers from one to the other, inclusive. */
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe.skipIf(!existsSync(cocoOpen))("coco-open (from ../shared; skipped when it is not there)", () => {
  it("numbers the 80 classes as the published models do", async () => {
    const { categoryIds } = await openDataset(cocoOpen, { splits: ["val"] });
    const published = [[1, 11], [13, 25], [27, 28], [31, 44], [46, 65], [67, 67], [70, 70], [72, 82], [84, 90]].flatMap(([from, to]) => range(from!, to!)); // prettier-ignore
    expect(categoryIds).toEqual(published);
  });
});
