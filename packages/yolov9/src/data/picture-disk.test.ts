import { readdir, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { openDataset } from "./dataset.js";
import { Loader } from "./loader.js";
import { makeFolder, makeJpeg } from "./testing/folders.js";

const SIDE = 64;
const BYTES = SIDE * SIDE * 3;

let root = "";
let remove: () => Promise<void>;
beforeEach(async () => {
  const images = await Promise.all([1, 2, 3, 4].map((seed) => makeJpeg(80, 60, seed)));
  ({ root, remove } = await makeFolder({
    "data.yaml": "train: images\nnames: [a]\n",
    ...Object.fromEntries(images.map((image, i) => [`images/${i}.jpg`, image])),
    "labels/0.txt": "0 0.5 0.5 0.5 0.5\n",
  }));
});
afterEach(() => remove());

/** Pixels of all images, with a memory for `memory` pictures and a disk for `disk`. */
async function load({ memory = 0, disk = 0, workers = 0, folder = join(root, "cache") }): Promise<number[]> {
  const { splits } = await openDataset(root);
  const diskCache = { folder, bytes: disk * BYTES };
  const loader = new Loader(splits.train!, { imageSize: SIDE, batchSize: 4, workers, cacheBytes: memory * BYTES, diskCache }); // prettier-ignore
  try {
    const pixels: number[] = [];
    for await (const { images } of loader.batches(0)) pixels.push(...images);
    return pixels;
  } finally {
    await loader.close();
  }
}

const kept = () => readdir(join(root, "cache/pictures/letterbox")).catch((): string[] => []);

describe("pictures on disk", () => {
  it("hold what memory does not, and give the same pixels, in threads too", async () => {
    const expected = await load({ memory: 4 });
    expect(await kept()).toEqual([]);
    expect(await load({ memory: 1, disk: 4 })).toEqual(expected);
    expect((await kept()).length).toBe(3);
    expect(await load({ memory: 1, disk: 4 })).toEqual(expected);
    expect(await load({ memory: 0, disk: 4, workers: 1 })).toEqual(expected);
    expect((await kept()).length).toBe(4);
  });

  it("are really read: other bytes in their place come out", async () => {
    await load({ disk: 4 });
    const names = await kept();
    for (const name of names) await writeFile(join(root, "cache/pictures/letterbox", name), Buffer.alloc(BYTES, 7));
    expect(new Set(await load({ disk: 4 }))).toEqual(new Set([7]));
    for (const name of names) await truncate(join(root, "cache/pictures/letterbox", name), 100);
    expect(new Set(await load({ disk: 4 })).size).toBeGreaterThan(20);
  });

  it("never take more than their budget, from this run and earlier ones together", async () => {
    await load({ disk: 2.5 });
    expect((await kept()).length).toBe(2);
    const sizes = await Promise.all((await kept()).map((name) => stat(join(root, "cache/pictures/letterbox", name))));
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBe(2 * BYTES);
    // Changed images make new files, for which old ones must go.
    for (const i of [0, 1, 2, 3]) await utimes(join(root, `images/${i}.jpg`), 1, 1);
    await load({ disk: 3 });
    expect((await kept()).length).toBe(3);
  });

  it("notice a changed image, and do without a folder that cannot be made", async () => {
    const before = await load({ disk: 4 });
    await writeFile(join(root, "images/2.jpg"), await makeJpeg(80, 60, 9));
    const after = await load({ disk: 4 });
    expect(after).toEqual(await load({ memory: 4 }));
    expect(after).not.toEqual(before);
    expect(await load({ disk: 4, folder: join(root, "data.yaml") })).toEqual(after);
    expect(await load({ disk: 4, folder: "/proc/none" })).toEqual(after);
  });
});
