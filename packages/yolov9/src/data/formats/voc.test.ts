import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { openDataset } from "../dataset.js";
import { makeJpeg, testFolder } from "../testing/folders.js";

function annotation(objects: readonly string[], width = 64, height = 48): string {
  const size = `<size><width>${width}</width><height>${height}</height></size>`;
  return `<annotation>\n${size}\n${objects.join("\n")}\n</annotation>\n`;
}

function object(name: string, box: readonly (number | string)[], extra = ""): string {
  const [xmin, ymin, xmax, ymax] = box;
  const corners = `<xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax>`;
  return `<object><name>${name}</name>${extra}<bndbox>${corners}</bndbox></object>`;
}

describe("a VOC folder", () => {
  it("gives sorted names, boxes as written and difficult objects as regions to ignore", async () => {
    const root = await testFolder({
      "Annotations/a.xml": annotation([
        object("zebra", [1, 2, 30, 40]),
        object("ant", [5, 5, 9, 9], "<difficult>1</difficult>"),
      ]),
      "JPEGImages/a.jpg": await makeJpeg(64, 48),
      "ImageSets/Main/trainval.txt": "a\n",
    });
    const { names, splits, format } = await openDataset(root);
    expect([format, ...names]).toEqual(["voc", "ant", "zebra"]);
    const [sample] = splits.train!;
    expect([...sample!.boxes]).toEqual([1, 2, 30, 40, 5, 5, 9, 9]);
    expect([...sample!.classes]).toEqual([1, 0]);
    expect([...sample!.crowd]).toEqual([0, 1]);
  });

  it("reports what it skips with file, line and reason", async () => {
    const root = await testFolder({
      "data.yaml": "format: voc\nnames: [dog]\n",
      "Annotations/a.xml": annotation([
        object("dog", [1, 2, 1, 2]),
        object("cat", [1, 2, 3, 4]),
        object("dog", [1, 2, "x", 4]),
      ]),
      "Annotations/b.xml": "<annotation><object><name>dog</name>",
      "Annotations/c.xml": annotation([], 640, 480),
      "Annotations/d.xml": annotation([]),
      "JPEGImages/a.jpg": await makeJpeg(64, 48),
      "JPEGImages/b.jpg": await makeJpeg(64, 48),
      "JPEGImages/c.jpg": await makeJpeg(64, 48),
      "ImageSets/Main/train.txt": "a\nb\nc\nd\ne\n",
    });
    const { splits, problems } = await openDataset(root);
    expect(splits.train?.map(({ id }) => id)).toEqual(["a"]);
    const seen = problems.map(({ file, line, reason }) => `${file.slice(root.length + 1)}:${line ?? ""} ${reason}`);
    expect(seen).toEqual([
      "Annotations/b.xml:1 does not end with </annotation>: truncated or no VOC annotation; image skipped",
      'Annotations/d.xml: no image "d" in the image folder; image skipped',
      "Annotations/e.xml: annotation file is missing; image skipped",
      "Annotations/a.xml:3 box of 0 x 0 px at 1, 2 has no area; object skipped",
      'Annotations/a.xml:4 class "cat" is none of the dataset\'s names (dog); object skipped',
      expect.stringMatching(/^Annotations\/a\.xml:5 bndbox\.xmax: .*; object skipped$/),
      "Annotations/c.xml: says 640 x 480 px but the image has 64 x 48; image skipped",
    ]);
  });

  it("names classes alike whichever splits are opened", async () => {
    const root = await testFolder({
      "Annotations/a.xml": annotation([object("b", [1, 2, 30, 40])]),
      "Annotations/c.xml": annotation([object("a", [1, 2, 30, 40])]),
      "JPEGImages/a.jpg": await makeJpeg(64, 48),
      "JPEGImages/c.jpg": await makeJpeg(64, 48),
      "ImageSets/Main/train.txt": "a\n",
      "ImageSets/Main/val.txt": "c\n",
    });
    expect((await openDataset(root, { splits: ["val"] })).names).toEqual(["a", "b"]);
  });
});

const bccd = resolve(import.meta.dirname, "../../../../../../shared/datasets/bccd");

describe.skipIf(!existsSync(bccd))("BCCD (from ../shared; skipped when it is not there)", () => {
  it("has 205, 87 and 72 images and 4,888 boxes, of which two have no width", async () => {
    const { names, splits, problems } = await openDataset(bccd);
    expect(names).toEqual(["Platelets", "RBC", "WBC"]);
    expect([splits.train?.length, splits.val?.length, splits.test?.length]).toEqual([205, 87, 72]);
    const boxes = Object.values(splits).flatMap((samples) => samples.map(({ classes }) => classes.length));
    expect(boxes.reduce((sum, count) => sum + count, 0) + problems.length).toBe(4888);
    expect(problems.map(({ file, line }) => [file, line])).toEqual([
      [join(bccd, "Annotations/BloodImage_00343.xml"), 50],
      [join(bccd, "Annotations/BloodImage_00338.xml"), 158],
    ]);
  });
});
