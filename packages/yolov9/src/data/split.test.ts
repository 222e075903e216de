import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { convertDataset } from "./convert.js";
import { openDataset } from "./dataset.js";
import { SPLIT_NAMES, type Sample } from "./sample.js";
import { dealSamples, splitDataset } from "./split.js";
import { makeFolder, makeJpeg } from "./testing/folders.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov9-split-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function sample(index: number, classes: readonly number[]): Sample {
  const count = classes.length;
  return {
    id: index,
    path: `/data/patient${Math.floor(index / 4)}/${index}.jpg`,
    width: 64,
    height: 64,
    boxes: new Float32Array(count * 4).fill(1),
    classes: Int32Array.from(classes),
    crowd: new Uint8Array(count),
    areas: new Float64Array(count),
  };
}

/** 400 images: class 0 in all, class 1 in every tenth, class 2 in every fortieth; every twentieth is empty. */
const samples = Array.from({ length: 400 }, (_, i) =>
  sample(i, i % 20 === 7 ? [] : [0, 0, ...(i % 10 === 0 ? [1] : []), ...(i % 40 === 1 ? [2] : [])]),
);

const countOf = (list: readonly Sample[], index: number) =>
  list.reduce((sum, { classes }) => sum + classes.filter((each) => each === index).length, 0);

describe("dealing samples out", () => {
  it("gives every split its share of images and of each class, rare ones included", () => {
    const { train, val, test } = dealSamples(samples, 3, { ratio: [8, 1, 1] });
    expect([train!.length, val!.length, test!.length]).toEqual([320, 40, 40]);
    for (const [index, expected] of [[1, [32, 4, 4]], [2, [8, 1, 1]]] as const) {
      expect([train!, val!, test!].map((list) => countOf(list, index))).toEqual(expected);
    } // prettier-ignore
    expect(new Set([...train!, ...val!, ...test!]).size).toBe(400);
  });

  it("is the same for a seed, and another for another", () => {
    const ids = (seed: number) => dealSamples(samples, 3, { ratio: [0.5, 0.5], seed }).val!.map(({ id }) => id);
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
  });

  it("keeps groups together", () => {
    const splits = dealSamples(samples, 3, { ratio: [0.7, 0.2, 0.1], group: /patient(\d+)/ });
    const patients = SPLIT_NAMES.map((split) => new Set(splits[split]!.map(({ path }) => path.split("/")[2])));
    expect(patients.reduce((sum, set) => sum + set.size, 0)).toBe(100);
    expect(patients.map(({ size }) => size)).toEqual([70, 20, 10]);
  });

  it("refuses shares that cannot be", () => {
    expect(() => dealSamples(samples, 3, { ratio: [0, 0] })).toThrow("up to three shares");
    expect(() => dealSamples(samples, 3, { ratio: [1, 1, 1, 1] })).toThrow("up to three shares");
    expect(() => dealSamples(samples.slice(0, 2), 3, { ratio: [1, 1, 1] })).toThrow("2 groups");
    expect(() => dealSamples(samples, 3, { ratio: [1, 1], group: /data/ })).toThrow("1 groups");
  });
});

describe("splitting a data set", () => {
  it("writes lists that open with the same labels, and changes nothing where the images are", async () => {
    const files = await Promise.all(Array.from({ length: 10 }, (_, i) => makeJpeg(32, 32, i)));
    const { root, remove } = await makeFolder({
      "classes.txt": "cat\ndog\n",
      ...Object.fromEntries(files.map((file, i) => [`images/${i}.jpg`, file])),
      ...Object.fromEntries(files.map((_, i) => [`labels/${i}.txt`, `${i % 2} 0.5 0.5 0.5 0.5\n`])),
    });
    try {
      for (const format of ["yolo", "voc", "coco", "csv"]) {
        const source = format === "yolo" ? root : join(folder, format);
        if (format !== "yolo") await convertDataset(root, { to: format, output: source });
        const before = await readdir(source, { recursive: true });
        const output = join(folder, `${format}-split`);
        const dealt = await splitDataset(source, { ratio: [0.6, 0.4], output });
        expect(dealt.splits, format).toEqual({
          train: { images: 6, objects: 6, classes: [3, 3] },
          val: { images: 4, objects: 4, classes: [2, 2] },
        });
        const { splits, names, problems } = await openDataset(output);
        expect([names, problems]).toEqual([["cat", "dog"], []]);
        const all = [...splits.train!, ...splits.val!];
        expect(all.every(({ path, classes }) => path.startsWith(source) && classes.length === 1)).toBe(true);
        expect(all.map(({ path, classes }) => Number(/(\d+)\.jpg/.exec(path)![1]) % 2 === classes[0])).not.toContain(false); // prettier-ignore
        expect(await readdir(source, { recursive: true })).toEqual(before);
      }
      expect(await readFile(join(folder, "yolo-split/val.txt"), "utf8")).toMatch(/^(\/.*\/images\/\d\.jpg\n){4}$/);
    } finally {
      await remove();
    }
  });
});

const bccd = resolve(import.meta.dirname, "../../../../../shared/datasets/bccd");

describe.skipIf(!existsSync(bccd))("BCCD (from ../shared; skipped when it is not there)", () => {
  it("is dealt out with each class's share within two percent", async () => {
    const { splits } = await splitDataset(bccd, { ratio: [0.7, 0.15, 0.15], output: join(folder, "s") });
    const all = SPLIT_NAMES.map((split) => splits[split]!);
    const total = (index: number) => all.reduce((sum, { classes }) => sum + classes[index]!, 0);
    for (const index of [0, 1, 2]) {
      const shares = all.map(({ classes }) => classes[index]! / total(index));
      [0.7, 0.15, 0.15].forEach((share, i) => expect(Math.abs(shares[i]! - share)).toBeLessThan(0.02));
    }
    expect(all.map(({ images }) => images).reduce((a, b) => a + b)).toBe(364);
  });
});
