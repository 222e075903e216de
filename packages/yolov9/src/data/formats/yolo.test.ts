import { symlink } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { openDataset } from "../dataset.js";
import { makeJpeg, testFolder } from "../testing/folders.js";
import { parseRow } from "./yolo-rows.js";
import { labelPath, labelPathIn } from "./yolo-paths.js";

const size = { width: 100, height: 50 };

describe("a YOLO label row", () => {
  it("with 5 values is a box in fractions", () => {
    expect(parseRow("2 0.5 0.5 0.2 0.4", size)).toEqual({ classIndex: 2, box: [40, 15, 60, 35] });
  });

  it("with 7 or more values is a polygon, whose box spans its points", () => {
    const row = parseRow("1 0.1 0.2 0.5 0.2 0.3 0.8", size);
    expect(row).toMatchObject({ classIndex: 1 });
    if ("reason" in row) throw new Error(row.reason);
    row.box.forEach((value, i) => expect(value).toBeCloseTo([10, 10, 50, 40][i]!, 4));
    expect(row.rings?.[0]).toHaveLength(6);
  });

  it.each([
    ["1 0.5 0.5 0.2 abc", '"abc" is not a number'],
    ["1 0.5 nan 0.2 0.1", '"nan" is not a number'],
    ["1 0.5 0x1 0.2 0.1", '"0x1" is not a number'],
    ["1.5 0.5 0.5 0.2 0.1", 'class "1.5" is not a whole number from 0 to 49999'],
    ["-1 0.5 0.5 0.2 0.1", 'class "-1" is not a whole number from 0 to 49999'],
    ["1 0.5 -0.5 0.2 0.1", "-0.5 is not a fraction of the image (0..1)"],
    ["1 50 20 10 10", "50 is not a fraction of the image (0..1)"],
    ["1 0.5 0.5 0.2 0.1 0.9", "6 values: a box has 5"],
    ["1 0.5 0.5", "3 values: a box has 5"],
  ])("%s is refused", (line, reason) => {
    expect(parseRow(line, size)).toMatchObject({ reason: expect.stringContaining(reason) as string });
  });
});

it("finds labels beside the last folder called images", () => {
  expect(labelPath("/a/images/b/images/c/x.jpg")).toBe("/a/images/b/labels/c/x.txt");
  expect(labelPath("/a/b/x.jpg")).toBe("/a/b/x.txt");
});

describe("a YOLO folder", () => {
  it("is read through data.yaml, rows by kind, and unusable rows are reported with file and line", async () => {
    const root = await testFolder({
      "data.yaml": "path: .\ntrain: images/train\nval: [images/val]\nnames: {0: cat, 1: dog}\ndownload: print(1)\n",
      "images/train/a.jpg": await makeJpeg(100, 50),
      "images/train/b.jpg": await makeJpeg(64, 64),
      "images/val/c.jpg": await makeJpeg(64, 64),
      "labels/train/a.txt":
        "\uFEFF0 0.5 0.5 0.2 0.4\r\n1 0.1 0.2 0.5 0.2 0.3 0.8\r\n\r\nhello\r\n2 0.5 0.5 0.1 0.1\r\n0 0.5 0.5 0 0.1\r\n0 0.5 0.5 0.2 0.4\r\n",
      "labels/val/c.txt": "1 0.95 0.5 0.2 0.2",
    });
    const { names, splits, problems, format } = await openDataset(root);
    expect(format).toBe("yolo");
    expect(names).toEqual(["cat", "dog"]);
    expect(splits.train?.map(({ id, classes }) => [id, [...classes]])).toEqual([
      ["a", [0, 1]],
      ["b", []],
    ]);
    const [a] = splits.train!;
    expect([...a!.boxes.subarray(0, 4)]).toEqual([40, 15, 60, 35]);
    expect(a!.polygons?.map((rings) => rings.length)).toEqual([0, 1]);
    expect(a!.areas[0]).toBe(400);
    // Sticking out to the right by half of its width: cut at the edge.
    splits.val![0]!.boxes.forEach((value, i) => expect(value).toBeCloseTo([54.4, 25.6, 64, 38.4][i]!, 4));
    const file = join(root, "labels/train/a.txt");
    expect(problems.map(({ file, line, reason }) => ({ file, line, reason }))).toEqual([
      { file, line: 4, reason: '"hello" is not a number; row skipped' },
      { file, line: 5, reason: "class 2 but the dataset names 2 classes (0..1); row skipped" },
      { file, line: 6, reason: "box of 0 x 5 px at 50, 22.5 has no area; row skipped" },
      { file, line: 7, reason: "the same row as line 1; row skipped" },
    ]);
  });

  it("is recognised without description, in both usual orders of folders", async () => {
    for (const [images, labels] of [
      ["images/val", "labels/val"],
      ["valid/images", "valid/labels"],
    ]) {
      const root = await testFolder({
        [`${images}/a.jpg`]: await makeJpeg(32, 32),
        [`${labels}/a.txt`]: "3 0.5 0.5 0.5 0.5",
      });
      const { names, splits } = await openDataset(root);
      expect(splits.val?.map((sample) => [...sample.boxes])).toEqual([[8, 8, 24, 24]]);
      expect(names).toEqual(["class0", "class1", "class2", "class3"]);
    }
  });

  it("takes lists of paths, relative to the root or, with ./, to the list", async () => {
    const root = await testFolder({
      "lists/data.yaml": "path: ..\ntrain: lists/train.txt\nnames: [a]\n",
      "lists/train.txt": "images/a.jpg\n./near/b.jpg\n",
      "images/a.jpg": await makeJpeg(32, 32),
      "lists/near/b.jpg": await makeJpeg(32, 32),
      "labels/a.txt": "0 0.5 0.5 0.5 0.5",
    });
    const { splits } = await openDataset(join(root, "lists/data.yaml"));
    expect(splits.train?.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("takes globs, single lists and links to folders, and stops where links lead in a circle", async () => {
    const root = await testFolder({
      "data.yaml": "train: 'images/**/*.png'\nval: images/sub\nnames: [a]\n",
      "images/a.png": await makeJpeg(32, 32),
      "images/sub/b.png": await makeJpeg(32, 32),
      "images/sub/c.jpg": await makeJpeg(32, 32),
      "labels/sub/b.txt": "0 0.5 0.5 0.5 0.5",
      "list.txt": "images/sub/c.jpg\n\nimages/a.png\nimages/a.png\n",
    });
    await symlink("..", join(root, "images/sub/up"));
    const { splits, remarks } = await openDataset(root);
    expect(splits.train?.map(({ id, classes }) => [id, classes.length])).toEqual([["a", 0], ["b", 1]]); // prettier-ignore
    expect(splits.val?.map(({ id }) => id)).toEqual(["b", "c", "a"]);
    expect(remarks.map(({ kind, file }) => [kind, file])).toEqual([["link-cycle", join(root, "images/sub/up/sub")]]);
    const list = await openDataset(join(root, "list.txt"));
    expect(list.splits.train?.map(({ id }) => id)).toEqual(["c", "a"]);
    expect(list.remarks.map(({ line, reason }) => [line, reason])).toEqual([
      [4, "the same image as line 3; used once"],
    ]);
  });

  it("reads keypoints with two or three values a point, and reports rows that do not fit", async () => {
    const root = await testFolder({
      "three.yaml": "train: images\nnames: [hand]\nkpt_shape: [2, 3]\nkpt_names: [left_tip, right_tip]\n",
      "two.yaml": "train: other/images\nnames: [hand]\nkpt_shape: [2, 2]\nflip_idx: [1, 0]\n",
      "bad.yaml": "train: images\nnames: [hand]\nkpt_shape: [2, 3]\nflip_idx: [1, 1]\n",
      "images/a.jpg": await makeJpeg(100, 50),
      "other/images/a.jpg": await makeJpeg(100, 50),
      "labels/a.txt": [
        "0 0.5 0.5 0.2 0.4 0.1 0.2 2 0.9 0.8 1",
        "0 0.5 0.5 0.4 0.4",
        "0 0.5 0.5 0.2 0.4 0.1 0.2 3 0.9 0.8 1",
        "0 0.5 0.5 0.2 0.4 0.1 0.2 2 0.9",
      ].join("\n"),
      "other/labels/a.txt": "0 0.5 0.5 0.2 0.4 0.1 0.2 0 0",
    });
    const { keypoints, splits, problems } = await openDataset(join(root, "three.yaml"));
    expect(keypoints).toEqual({ count: 2, names: ["left_tip", "right_tip"], flip: [1, 0] });
    expect(Array.from(splits.train![0]!.keypoints!, Math.round)).toEqual([10, 10, 2, 90, 40, 1, 0, 0, 0, 0, 0, 0]);
    expect(problems.map(({ line, kind }) => [line, kind])).toEqual([
      [3, "keypoints-malformed"],
      [4, "row-malformed"],
    ]);
    const two = await openDataset(join(root, "two.yaml"));
    expect(Array.from(two.splits.train![0]!.keypoints!, Math.round)).toEqual([10, 10, 2, 0, 0, 0]);
    await expect(openDataset(join(root, "bad.yaml"))).rejects.toThrow("flip_idx must list");
  });

  it("finds labels in a folder of their own", async () => {
    expect(labelPathIn("/l", "/r/images/train/a.jpg", "/r")).toBe("/l/train/a.txt");
    expect(labelPathIn("/l", "/r/train/images/a.jpg", "/r")).toBe("/l/train/a.txt");
    expect(labelPathIn("/l", "/r/a.jpg", "/r")).toBe("/l/a.txt");
    expect(labelPathIn("/l", "/elsewhere/images/x/a.jpg", "/r")).toBe("/l/x/a.txt");
    const root = await testFolder({
      "data.yaml": "train: images\nlabels: better\nnames: [a]\n",
      "images/a.jpg": await makeJpeg(32, 32),
      "better/a.txt": "0 0.5 0.5 0.5 0.5",
    });
    expect((await openDataset(root)).splits.train![0]!.classes).toHaveLength(1);
  });

  it("skips broken and missing images, and fails clearly when none is left", async () => {
    const root = await testFolder({
      "data.yaml": "train: train.txt\nval: val.txt\nnames: [a]\n",
      "train.txt": "images/a.jpg\nimages/b.jpg\nimages/gone.jpg\n",
      "val.txt": "images/b.jpg\n",
      "images/a.jpg": await makeJpeg(32, 32),
      "images/b.jpg": "no image at all",
      "labels/a.txt": "0 0.5 0.5 0.5 0.5",
    });
    const { splits, problems } = await openDataset(root, { splits: ["train"] });
    expect(splits.train?.map(({ id }) => id)).toEqual(["a"]);
    expect(problems.map(({ file }) => file)).toEqual([join(root, "images/b.jpg"), join(root, "images/gone.jpg")]);
    expect(problems[1]!.reason).toBe("image file is missing; image skipped");
    await expect(openDataset(root)).rejects.toThrow(
      /split "val" has no usable image[\s\S]*b\.jpg: cannot read the image/,
    );
  });

  it("says what is wrong with a description", async () => {
    const root = await testFolder({
      "gap.yaml": "train: images\nnames: {0: a, 2: b}\n",
      "count.yaml": "train: images\nnc: 3\nnames: [a]\n",
      "missing.yaml": "train: images\nnames: [a]\n",
      "format.yaml": "format: arff\n",
    });
    await expect(openDataset(join(root, "gap.yaml"))).rejects.toThrow("none for class 1; number them 0..1");
    await expect(openDataset(join(root, "count.yaml"))).rejects.toThrow("nc is 3 but names lists 1 classes");
    await expect(openDataset(join(root, "missing.yaml"))).rejects.toThrow(
      /train names "images", but .* does not exist/,
    );
    await expect(openDataset(join(root, "format.yaml"))).rejects.toThrow("format");
    await expect(openDataset(join(root, "nowhere"))).rejects.toThrow("no such file or folder");
    await expect(openDataset(root)).rejects.toThrow("no known dataset layout");
  });
});
