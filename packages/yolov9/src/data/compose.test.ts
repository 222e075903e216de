import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { openDataset } from "./dataset.js";
import { parseSelection } from "./description.js";
import { makeJpeg, testFolder, type Files } from "./testing/folders.js";

/** Two sets that number their classes differently: cat 0, dog 1, car 2 with four images, and dog 0, cat 1 with two. */
async function twoSets(more: Files): Promise<string> {
  const jpeg = await makeJpeg(32, 32);
  const row = (index: number) => `${index} 0.5 0.5 0.5 0.5\n`;
  return testFolder({
    "a/data.yaml": "train: images/train\nval: images/val\nnames: [cat, dog, car]\n",
    ...Object.fromEntries([0, 1, 2, 3].map((i) => [`a/images/train/${i}.jpg`, jpeg])),
    ...Object.fromEntries([0, 1, 2].map((i) => [`a/labels/train/${i}.txt`, row(i) + row(0)])),
    "a/images/val/9.jpg": jpeg,
    "a/labels/val/9.txt": row(2),
    "b/data.yaml": "train: images/train\nnames: [dog, cat]\n",
    "b/images/train/0.jpg": jpeg,
    "b/images/train/7.jpg": jpeg,
    "b/labels/train/0.txt": row(0),
    "b/labels/train/7.txt": row(1),
    ...more,
  });
}

describe("classes of a data set", () => {
  it("can be chosen, renamed and merged; other objects go, images stay", async () => {
    const root = await twoSets({
      "some.yaml": "path: a\ntrain: images/train\nnames: [cat, dog, car]\nclasses: {vehicle: car, pet: [cat, dog]}\n",
      "list.yaml": "path: a\ntrain: images/train\nnames: [cat, dog, car]\nclasses: [dog]\n",
      "wrong.yaml": "path: a\ntrain: images/train\nnames: [cat, dog, car]\nclasses: [cow]\n",
    });
    const some = await openDataset(join(root, "some.yaml"));
    expect(some.names).toEqual(["vehicle", "pet"]);
    expect(some.splits.train?.map(({ classes }) => [...classes])).toEqual([[1], [1, 1], [0, 1], []]);
    const list = await openDataset(join(root, "list.yaml"));
    expect(list.splits.train?.map(({ classes, boxes, areas }) => [classes.length, boxes.length, areas.length])).toEqual([[0, 0, 0], [1, 4, 1], [0, 0, 0], [0, 0, 0]]); // prettier-ignore
    await expect(openDataset(join(root, "wrong.yaml"))).rejects.toThrow('"cow", but the data set has cat, dog, car');
    const asked = await openDataset(join(root, "a"), { classes: parseSelection(["car", "pet=cat+dog"]) });
    expect(asked.splits.train?.[2]?.classes).toEqual(Int32Array.of(0, 1));
    expect(() => parseSelection(["=x"])).toThrow("names no class");
  });

  it("can all be one", async () => {
    const root = await twoSets({ "one.yaml": "path: a\ntrain: images/train\nnames: [cat, dog, car]\nsingle_class: true\n" }); // prettier-ignore
    for (const dataset of [await openDataset(join(root, "one.yaml")), await openDataset(join(root, "a"), { singleClass: true })]) {
      expect(dataset.names).toEqual(["object"]);
      expect(dataset.splits.train?.flatMap(({ classes }) => [...classes])).toEqual([0, 0, 0, 0, 0]);
    } // prettier-ignore
  });
});

describe("data sets put together", () => {
  it("match classes by name and repeat training images by weight, never those of validation", async () => {
    const root = await twoSets({ "both.yaml": "datasets:\n  - a\n  - {data: b/data.yaml, weight: 2.5}\n" });
    const { names, splits, format } = await openDataset(join(root, "both.yaml"));
    expect([names, format]).toEqual([["cat", "dog", "car"], "several"]);
    expect(splits.train?.length).toBe(4 + 5);
    const ofB = splits.train!.slice(4).map(({ id, classes }) => [id, classes[0]]);
    expect(ofB).toEqual([["0#2", 1], ["0#2", 1], ["0#2", 1], ["7", 0], ["7", 0]]); // prettier-ignore
    expect(splits.val?.map(({ id }) => id)).toEqual(["9"]);
  });

  it("may each have a choice of classes, and an order of names for all", async () => {
    const root = await twoSets({
      "both.yaml": "names: [dog, cat]\ndatasets:\n  - {data: a, classes: [cat, dog]}\n  - b\n",
      "loop.yaml": "datasets: [loop.yaml]\n",
    });
    const { names, splits } = await openDataset(join(root, "both.yaml"));
    expect(names).toEqual(["dog", "cat"]);
    expect(splits.train?.map(({ classes }) => [...classes])).toEqual([[1], [0, 1], [1], [], [0], [1]]);
    await expect(openDataset(join(root, "loop.yaml"))).rejects.toThrow("cannot be a part of itself");
  });
});
