import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { convertDataset, type Conversion } from "./convert.js";
import { openDataset } from "./dataset.js";
import { SPLIT_NAMES, type Dataset } from "./sample.js";
import { makeFolder, makeJpeg } from "./testing/folders.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov9-convert-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Convert through formats in turn. @returns the last folder and what each step told */
async function through(from: string, formats: readonly string[]): Promise<{ last: string; steps: Conversion[] }> {
  const steps: Conversion[] = [];
  let last = from;
  for (const [step, to] of formats.entries()) {
    const output = join(folder, `${step}-${to}`);
    steps.push(await convertDataset(last, { to, output, images: "link" }));
    last = output;
  }
  return { last, steps };
}

/** Boxes by split, image and class name, which every format keeps. */
function contents({ splits, names }: Dataset): Map<string, number[][]> {
  const all = new Map<string, number[][]>();
  for (const split of SPLIT_NAMES) {
    for (const { path, boxes, classes } of splits[split] ?? []) {
      const file = path.split("/").at(-1)!;
      const rows = Array.from(classes, (index, row) => [index, ...boxes.subarray(row * 4, row * 4 + 4)]);
      for (const [index, ...box] of rows) {
        const key = `${split}/${file}/${names[index!]!}`;
        all.set(key, [...(all.get(key) ?? []), box]);
      }
    }
  }
  return all;
}

function largestDifference(a: Map<string, number[][]>, b: Map<string, number[][]>): number {
  expect([...b.keys()].sort()).toEqual([...a.keys()].sort());
  let largest = 0;
  for (const [key, boxes] of a) {
    const others = b.get(key)!;
    expect(others.length, key).toBe(boxes.length);
    boxes.forEach((box, row) =>
      box.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - others[row]![i]!)))),
    );
  }
  return largest;
}

async function cocoSet(): Promise<{ root: string; remove: () => Promise<void> }> {
  const categories = [
    { id: 3, name: "person", keypoints: ["nose", "left_eye", "right_eye"] },
    { id: 17, name: "cat & <dog>", keypoints: [] },
  ];
  const images = [
    { id: 41, file_name: "a b.jpg", width: 64, height: 48 },
    { id: 42, file_name: "ü.jpg", width: 64, height: 48 },
    { id: 43, file_name: "none.jpg", width: 64, height: 48 },
  ];
  const rle = { size: [48, 64], counts: "0Q11O1000" };
  const box = (id: number, more: object) => ({ id, image_id: 41, category_id: 17, bbox: [4, 6, 20, 12], ...more });
  const annotations = [
    box(1, { area: 200, iscrowd: 0, segmentation: [[4, 6, 24, 6, 24, 18], [5, 8, 9, 8, 9, 12]], attributes: { pose: "Left", wet: true } }),
    box(2, { category_id: 3, iscrowd: 0, keypoints: [10, 8, 2, 12, 7, 1, 0, 0, 0], num_keypoints: 2, bbox: [0.25, 1.5, 30.125, 40] }),
    box(3, { image_id: 42, iscrowd: 1, area: 77, segmentation: rle }),
    box(4, { image_id: 42, bbox: [50, 40, 30, 30], iscrowd: 0 }),
    box(5, { image_id: 42, bbox: [10, 10, 0, 5], iscrowd: 0 }),
  ]; // prettier-ignore
  return makeFolder({
    "annotations/instances_train.json": JSON.stringify({ images, annotations, categories }),
    "train/a b.jpg": await makeJpeg(64, 48),
    "train/ü.jpg": await makeJpeg(64, 48, 2),
    "train/none.jpg": await makeJpeg(64, 48, 3),
  });
}

describe("converting", () => {
  it("COCO to COCO keeps ids, areas, crowds, run lengths, polygons, keypoints and attributes", async () => {
    const { root, remove } = await cocoSet();
    try {
      const { last, steps } = await through(root, ["coco"]);
      expect(steps[0]).toMatchObject({ images: 3, objects: 5, lost: {}, problems: [] });
      const before = await openDataset(root, { faithful: true });
      const after = await openDataset(last, { faithful: true });
      const plain = ({ splits }: Dataset) =>
        splits.train!.map((sample) => ({ ...sample, path: basename(sample.path) }));
      expect(plain(after)).toEqual(plain(before));
      expect([after.names, after.categoryIds, after.keypoints]).toEqual([
        before.names,
        before.categoryIds,
        { count: 3, names: ["nose", "left_eye", "right_eye"], flip: [0, 2, 1] },
      ]);
      expect(after.splits.train?.[1]?.masks?.[0]).toEqual({ size: [48, 64], counts: "0Q11O1000" });
    } finally {
      await remove();
    }
  });

  it("counts what YOLO, VOC and CSV cannot hold", async () => {
    const { root, remove } = await cocoSet();
    try {
      const lost = async (to: string) => (await through(root, [to])).steps[0]!.lost;
      expect(await lost("yolo")).toEqual({
        "attributes of objects": 1,
        "crowd regions or difficult objects (left out: a row cannot mark them)": 1,
        "image ids": 3,
        "parts of boxes beyond the image's edge": 1,
        "polygons of objects with keypoints": 1,
      });
      expect(await lost("voc")).toMatchObject({ "keypoints of objects": 1, "image ids": 3, "category ids (classes are named)": 2, "run-length masks (boxes are kept)": 1 }); // prettier-ignore
      expect(await lost("csv")).toMatchObject({ "polygons (boxes are kept)": 1, "attributes of objects": 1 });
    } finally {
      await remove();
    }
  });

  it("keeps keypoints, their names and mirror order, and category ids through YOLO", async () => {
    const { root, remove } = await cocoSet();
    try {
      const { last } = await through(root, ["yolo"]);
      const { keypoints, categoryIds, splits } = await openDataset(last, { faithful: true });
      expect([keypoints, categoryIds]).toEqual([
        { count: 3, names: ["nose", "left_eye", "right_eye"], flip: [0, 2, 1] },
        [3, 17],
      ]);
      const points = splits.train![0]!.keypoints!;
      expect(Array.from(points.subarray(9), (value) => Math.round(value * 100) / 100)).toEqual([
        10, 8, 2, 12, 7, 1, 0, 0, 0,
      ]);
    } finally {
      await remove();
    }
  });

  it("brings boxes back to a thousandth of a pixel through every format, also those without area", async () => {
    const names = ["zebra", "ant"];
    const rows = ["0 0.5 0.5 0.2 0.4", "1 0.123456 0.654321 0.1111 0.07", "1 0.25 0.25 0 0.3", "0 0.5 0.5 0.2 0.4"];
    const { root, remove } = await makeFolder({
      "data.yaml": `train: images/train\nval: images/val\nnames: [${names.join(", ")}]\n`,
      "images/train/a.jpg": await makeJpeg(640, 427),
      "images/train/b.png": await makeJpeg(64, 48),
      "images/val/a.jpg": await makeJpeg(64, 48),
      "labels/train/a.txt": rows.join("\r\n"),
      "labels/val/a.txt": "1 0.5 0.5 1 1\n",
    });
    try {
      const before = await openDataset(root, { faithful: true });
      const { last, steps } = await through(root, ["voc", "csv", "coco", "yolo"]);
      for (const { lost, problems, objects } of steps) expect([objects, lost, problems]).toEqual([5, {}, []]);
      const after = await openDataset(last, { faithful: true });
      expect(after.names).toEqual(names);
      expect(after.splits.train?.map(({ path }) => path.split("/").at(-1))).toEqual(["a.jpg", "b.png"]);
      // VOC has one folder of images, in which the second a.jpg needs another name.
      expect(after.splits.val?.map(({ path }) => path.split("/").at(-1))).toEqual(["a_2.jpg"]);
      const boxes = ({ splits }: Dataset) => SPLIT_NAMES.flatMap((split) => (splits[split] ?? []).flatMap(({ boxes }) => [...boxes])); // prettier-ignore
      const [first, second] = [boxes(before), boxes(after)];
      expect(second).toHaveLength(20);
      expect(Math.max(...first.map((value, i) => Math.abs(value - second[i]!)))).toBeLessThan(1e-3);
    } finally {
      await remove();
    }
  });

  it("copies, links or hard-links images, and never writes into a folder that is in use", async () => {
    const { root, remove } = await cocoSet();
    try {
      for (const images of ["copy", "link", "hardlink"] as const) {
        const output = join(folder, images);
        await convertDataset(root, { to: "yolo", output, images });
        const stat = await lstat(join(output, "images/train/ü.jpg"));
        expect([stat.isSymbolicLink(), stat.nlink]).toEqual([images === "link", images === "hardlink" ? 2 : 1]);
        expect(await readFile(join(output, "images/train/ü.jpg"))).toEqual(await readFile(join(root, "train/ü.jpg")));
      }
      await expect(convertDataset(root, { to: "yolo", output: join(folder, "copy") })).rejects.toThrow("is not empty");
      await mkdir(join(folder, "empty"));
      await convertDataset(root, { to: "csv", output: join(folder, "empty") });
      expect((await readdir(folder)).sort()).toEqual(["copy", "empty", "hardlink", "link"]);
    } finally {
      await remove();
    }
  });
});

const shared = resolve(import.meta.dirname, "../../../../../shared/datasets");

describe.skipIf(!existsSync(shared))("shared sets (from ../shared; skipped when it is not there)", () => {
  it("BCCD goes VOC → COCO → YOLO → VOC and every one of its 4,888 boxes comes back", async () => {
    const bccd = join(shared, "bccd");
    const before = await openDataset(bccd, { faithful: true });
    const { last, steps } = await through(bccd, ["coco", "yolo", "voc"]);
    expect(steps.map(({ images, objects, problems }) => [images, objects, problems.length])).toEqual([
      [364, 4888, 0],
      [364, 4888, 0],
      [364, 4888, 0],
    ]);
    const after = await openDataset(last, { faithful: true });
    expect(after.names).toEqual(before.names);
    expect(largestDifference(contents(before), contents(after))).toBeLessThan(0.01);
  }, 60_000);

  it("coco-open goes to YOLO and back with all objects but crowds", async () => {
    const before = await openDataset(join(shared, "coco-open"), { faithful: true, splits: ["val"] });
    const output = join(folder, "yolo");
    const { lost } = await convertDataset(join(shared, "coco-open"), { to: "yolo", output, images: "link", splits: ["val"] }); // prettier-ignore
    const after = await openDataset(output, { faithful: true });
    expect(after.categoryIds).toEqual(before.categoryIds);
    const crowds = before.splits.val!.reduce((sum, { crowd }) => sum + crowd.filter(Boolean).length, 0);
    expect(lost["crowd regions or difficult objects (left out: a row cannot mark them)"]).toBe(crowds);
    const objects = after.splits.val!.reduce((sum, { classes }) => sum + classes.length, 0);
    expect(objects).toBe(517 - crowds);
  }, 60_000);
});

it("writes class names that XML forbids as VOC can read them, and counts them", async () => {
  const { root, remove } = await makeFolder({
    "data.yaml": `train: images\nnames: ${JSON.stringify(["<it's>", "b\u001b\u0001"])}\n`,
    "images/1.jpg": await makeJpeg(64, 48, 1),
    "labels/1.txt": "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.25 0.25\n",
  });
  try {
    const { last, steps } = await through(root, ["voc"]);
    expect(steps[0]!.lost).toEqual({ "names with control characters (which XML forbids)": 1 });
    const { names, splits, problems } = await openDataset(last);
    expect([names, problems]).toEqual([["<it's>", "b\ufffd\ufffd"], []]);
    expect([...splits.train![0]!.classes]).toEqual([0, 1]);
  } finally {
    await remove();
  }
});
