import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { openDataset } from "../dataset.js";
import { makeJpeg, testFolder } from "../testing/folders.js";

const categories = [
  { id: 90, name: "toothbrush" },
  { id: 1, name: "person" },
  { id: 13, name: "stop sign" },
];
const images = [
  { id: 7, file_name: "a.jpg", width: 64, height: 48 },
  { id: 8, file_name: "b.jpg", width: 64, height: 48 },
];

describe("a COCO folder", () => {
  it("maps category ids to contiguous classes and keeps ids, areas, crowds and polygons", async () => {
    const annotations = [
      {
        id: 1,
        image_id: 7,
        category_id: 90,
        bbox: [1.5, 2, 10, 20],
        area: 150,
        iscrowd: 0,
        segmentation: [[2, 3, 9, 3, 9, 20]],
      },
      {
        id: 2,
        image_id: 7,
        category_id: 1,
        bbox: [0, 0, 30, 30],
        area: 700,
        iscrowd: 1,
        segmentation: { counts: [1], size: [48, 64] },
      },
    ];
    const root = await testFolder({
      "annotations/instances_val2017.json": JSON.stringify({ images, annotations, categories }),
      "val2017/a.jpg": await makeJpeg(64, 48),
      "val2017/b.jpg": await makeJpeg(64, 48),
    });
    const dataset = await openDataset(root);
    expect(dataset.format).toBe("coco");
    expect(dataset.names).toEqual(["person", "stop sign", "toothbrush"]);
    expect(dataset.categoryIds).toEqual([1, 13, 90]);
    const [a, b] = dataset.splits.val!;
    expect([a!.id, b!.id]).toEqual([7, 8]);
    expect([...a!.boxes]).toEqual([1.5, 2, 11.5, 22, 0, 0, 30, 30]);
    expect([...a!.classes]).toEqual([2, 0]);
    expect([...a!.crowd]).toEqual([0, 1]);
    expect([...a!.areas]).toEqual([150, 700]);
    expect(a!.polygons?.map((rings) => rings.map((ring) => ring.length))).toEqual([[6], []]);
    expect(b!.classes).toHaveLength(0);
  });

  it("reports bad annotations and images and goes on", async () => {
    const annotations = [
      { id: 1, image_id: 7, category_id: 1, bbox: [1, 2, 0, 20] },
      { id: 2, image_id: 9, category_id: 1, bbox: [1, 2, 3, 4] },
      { id: 3, image_id: 7, category_id: 2, bbox: [1, 2, 3, 4] },
      { id: 4, image_id: 7, category_id: 1, bbox: [1, 2, null, 4] },
      { id: 5, image_id: 8, category_id: 1, bbox: [1, 2, 3, 4] },
      { id: 6, image_id: 7, category_id: 1, bbox: [1, 2, 3, 4] },
    ];
    const root = await testFolder({
      "annotations/instances_train2017.json": JSON.stringify({ images, annotations, categories }),
      "images/a.jpg": await makeJpeg(64, 48),
      "images/b.jpg": await makeJpeg(48, 64),
    });
    const { splits, problems } = await openDataset(root);
    expect(splits.train?.map(({ id, classes }) => [id, classes.length])).toEqual([[7, 1]]);
    expect(problems.map(({ reason }) => reason)).toEqual([
      "image 8: is listed with 64 x 48 px but the file has 48 x 64; image skipped",
      "annotation 1: box of 0 x 20 px at 1, 2 has no area; skipped",
      "annotation 2: no image has the id 9; skipped",
      "annotation 3: category 2 is not among the dataset's categories; skipped",
      expect.stringMatching(/^annotation 4: bbox\.2: .*; skipped$/),
    ]);
  });

  it("says where it looked for images", async () => {
    const root = await testFolder({
      "annotations/instances_val.json": JSON.stringify({ images, annotations: [], categories }),
    });
    await expect(openDataset(root)).rejects.toThrow(/its first images are in none of[\s\S]*images\/val/);
  });
});

const cocoOpen = resolve(import.meta.dirname, "../../../../../../shared/datasets/coco-open");

describe.skipIf(!existsSync(cocoOpen))("coco-open (from ../shared; skipped when it is not there)", () => {
  it("has 80 and 57 images, 80 classes, and crowds that are kept apart", async () => {
    const { splits, names, categoryIds, problems } = await openDataset(cocoOpen);
    expect([splits.train?.length, splits.val?.length, names.length, problems.length]).toEqual([80, 57, 80, 0]);
    const val = splits.val!;
    expect(val.reduce((sum, { classes }) => sum + classes.length, 0)).toBe(517);
    expect(val.reduce((sum, { crowd }) => sum + crowd.filter((flag) => flag === 1).length, 0)).toBe(7);
    expect([categoryIds?.[0], categoryIds?.[11], categoryIds?.[79]]).toEqual([1, 13, 90]);
    expect(val[0]).toMatchObject({
      id: 5001,
      path: join(cocoOpen, "val2017/000000005001.jpg"),
      width: 640,
      height: 480,
    });
  });
});
