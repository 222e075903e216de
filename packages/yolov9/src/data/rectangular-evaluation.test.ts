/** Rectangular batches of an evaluation, as the published figures were measured: their sizes, pixels, targets, and the way back to the source. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromLetterbox } from "@yolov9/vision";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BatchSchedule } from "./batch-schedule.js";
import { Loader, type Batch, type LoaderOptions } from "./loader.js";
import type { Sample } from "./sample.js";

describe("a rectangle", () => {
  it.each([
    ["640 x 480 images", [[640, 480]], { width: 672, height: 512 }],
    ["a flat and a less flat one", [[640, 320], [640, 480]], { width: 672, height: 512 }],
    ["tall ones", [[320, 640], [480, 640]], { width: 512, height: 672 }],
    ["flat and tall ones together", [[640, 320], [320, 640]], { width: 672, height: 672 }],
    ["squares", [[500, 500]], { width: 672, height: 672 }],
  ])("is whole cells and half a cell more around %s", (_, shapes, expected) => {
    const sizes = shapes.map(([width, height]) => ({ width: width!, height: height! }));
    const order = { seed: 0, shuffle: false, dropLast: false, multiScale: 0 };
    const schedule = new BatchSchedule(sizes, { imageSize: 640, batchSize: 2, rect: true, padCells: 0.5, ...order });
    expect(schedule.epoch(0).map(({ shape }) => shape.output)).toEqual([expected]);
    expect(schedule.mostPixels).toBe(672 * 672);
  }); // prettier-ignore
});

describe("a loader of rectangles for evaluation", () => {
  let folder = "";
  let samples: Sample[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rectangles-"));
    const sizes = [[100, 200], [200, 100], [90, 180]] as const; // prettier-ignore
    samples = await Promise.all(
      sizes.map(async ([width, height], id): Promise<Sample> => {
        const path = join(folder, `${id}.png`);
        // A white box from 20, 30 to 60, 80 on black.
        const box = await sharp({ create: { width: 40, height: 50, channels: 3, background: "#fff" } })
          .png()
          .toBuffer();
        await sharp({ create: { width, height, channels: 3, background: "#000" } })
          .composite([{ input: box, left: 20, top: 30 }])
          .png()
          .toFile(path);
        const boxes = Float32Array.from([20, 30, 60, 80]);
        const classes = Int32Array.from([4]);
        return { id, path, width, height, boxes, classes, crowd: new Uint8Array(1), areas: Float64Array.from([2000]) };
      }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function all(wanted: readonly Sample[], options: Pick<LoaderOptions, "imageSize" | "batchSize">) {
    const loader = new Loader(wanted, { ...options, rect: true, workers: 0 });
    const found: Batch[] = [];
    // The memory of images is used again for later batches.
    for await (const batch of loader.batches(0)) found.push({ ...batch, images: batch.images.slice() });
    await loader.close();
    return { batches: found, problems: loader.problems };
  }

  it("gathers images of similar shape and keeps boxes on their pixels", async () => {
    const { batches } = await all(samples, { imageSize: 128, batchSize: 2 });
    expect(batches.map((batch) => [batch.width, batch.height, batch.samples.map(({ id }) => id)])).toEqual([
      [160, 160, [1, 0]],
      [96, 160, [2]],
    ]);
    for (const { images, width, height, geometries, targets, samples: own, batchSize } of batches) {
      for (let image = 0; image < batchSize; image++) {
        const [, label, cx, cy, w, h] = targets.rows.subarray(image * 6, image * 6 + 6);
        expect(label).toBe(4);
        const red = images.subarray(image * 3 * width * height);
        expect(red[Math.round(cy! * height) * width + Math.round(cx! * width)]).toBe(255);
        // Just outside of the box there is black, and in the corner padding.
        expect(red[Math.round(cy! * height) * width + Math.round((cx! + w! / 2) * width) + 2]).toBe(0);
        expect(red[0]).toBe(114);
        const corners = [
          (cx! - w! / 2) * width,
          (cy! - h! / 2) * height,
          (cx! + w! / 2) * width,
          (cy! + h! / 2) * height,
        ];
        const back = fromLetterbox(corners, geometries[image]!, own[image]!.width, own[image]!.height);
        for (const [i, side] of [20, 30, 60, 80].entries()) expect(back[i]).toBeCloseTo(side, 3);
      }
    }
  });

  it("leaves unreadable images out and says so", async () => {
    const broken = join(folder, "broken.png");
    writeFileSync(broken, "no picture");
    const wanted = [samples[0]!, { ...samples[1]!, path: broken }];
    const { batches, problems } = await all(wanted, { imageSize: 64, batchSize: 1 });
    expect(batches.map(({ samples: own }) => own.map(({ id }) => id))).toEqual([[0]]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: broken });
  });
});
