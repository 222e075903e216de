import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { cacheFolder } from "./cache-folder.js";
import { openDataset } from "./dataset.js";
import { makeFolder, makeJpeg } from "./testing/folders.js";

/** Files just written are not trusted yet, so they are given an age. */
const LONG_AGO = new Date("2020-01-01T00:00:00Z");

let root = "";
let remove: () => Promise<void>;
let cache = "";

async function age(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    await utimes(join(entry.parentPath, entry.name), LONG_AGO, LONG_AGO);
  }
  await utimes(path, LONG_AGO, LONG_AGO);
}

beforeEach(async () => {
  ({ root, remove } = await makeFolder({
    "set/data.yaml": "train: images\nnames: [a, b]\n",
    "set/images/a.jpg": await makeJpeg(32, 32),
    "set/images/deep/b.jpg": await makeJpeg(32, 32),
    "set/labels/a.txt": "0 0.5 0.5 0.5 0.5\nnonsense\n",
  }));
  cache = join(root, "cache");
  await age(join(root, "set"));
});
afterEach(() => remove());

const open = () => openDataset(join(root, "set"), { cache });
const entries = async () => (await readdir(join(cache, "labels")).catch(() => [])).length;

describe("the cache of read labels", () => {
  it("gives what was read, problems included, and leaves the data set alone", async () => {
    const before = await readdir(join(root, "set"), { recursive: true });
    const first = await open();
    expect(await entries()).toBe(1);
    const second = await open();
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    expect([second.problems.length, second.splits.train?.[0]?.boxes]).toEqual([1, Float32Array.of(8, 8, 24, 24)]);
    expect(await readdir(join(root, "set"), { recursive: true })).toEqual(before);
  });

  it("is really used while nothing has changed", async () => {
    await open();
    // Other bytes of the same size and time: only one who looks into the file could tell.
    await writeFile(join(root, "set/labels/a.txt"), "1 0.5 0.5 0.5 0.5\nnonsense\n");
    await utimes(join(root, "set/labels/a.txt"), LONG_AGO, LONG_AGO);
    expect((await open()).splits.train?.[0]?.classes[0]).toBe(0);
  });

  it("notices a changed label, a new label, a new image in a folder below, a replaced image and a changed description", async () => {
    const labels = async () => (await open()).splits.train!.map(({ id, classes }) => `${id}:${classes.join()}`);
    expect(await labels()).toEqual(["a:0", "b:"]);
    await writeFile(join(root, "set/labels/a.txt"), "1 0.5 0.5 0.5 0.5\nnonsense\n");
    expect(await labels()).toEqual(["a:1", "b:"]);
    await mkdir(join(root, "set/labels/deep"));
    await writeFile(join(root, "set/labels/deep/b.txt"), "0 0.5 0.5 0.5 0.5\n");
    expect(await labels()).toEqual(["a:1", "b:0"]);
    await age(join(root, "set"));
    expect(await labels()).toEqual(["a:1", "b:0"]);
    await writeFile(join(root, "set/images/deep/c.jpg"), await makeJpeg(32, 32, 3));
    expect(await labels()).toEqual(["a:1", "b:0", "c:"]);
    await age(join(root, "set"));
    await open();
    await writeFile(join(root, "set/images/new"), await makeJpeg(64, 32, 3));
    await rename(join(root, "set/images/new"), join(root, "set/images/a.jpg"));
    expect((await open()).splits.train?.[0]?.width).toBe(64);
    await writeFile(join(root, "set/data.yaml"), "train: images\nnames: [x, y]\n");
    expect((await open()).names).toEqual(["x", "y"]);
  });

  it("does without where the folder cannot be written or its content is damaged", async () => {
    await open();
    const [name] = await readdir(join(cache, "labels"));
    const file = join(cache, "labels", name!);
    const bytes = await readFile(file);
    for (const damaged of [bytes.subarray(0, 10), Buffer.alloc(0), Buffer.concat([bytes, bytes])]) {
      await writeFile(file, damaged);
      expect((await open()).splits.train).toHaveLength(2);
    }
    await rm(cache, { recursive: true });
    await writeFile(cache, "a file where a folder should be");
    expect((await open()).splits.train).toHaveLength(2);
    expect((await openDataset(join(root, "set"), { cache: "/proc/none" })).splits.train).toHaveLength(2);
  });

  it("lies where the environment says, or nowhere", () => {
    expect(cacheFolder({ YOLOV9_CACHE: "/c" })).toBe("/c");
    expect(cacheFolder({ YOLOV9_CACHE: "off" })).toBeUndefined();
    expect(cacheFolder({ XDG_CACHE_HOME: "/x" })).toBe("/x/yolov9");
    expect(cacheFolder({})).toMatch(/\.cache\/yolov9$/);
  });
});
