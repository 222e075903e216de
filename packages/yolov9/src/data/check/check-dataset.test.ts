import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { convertDataset } from "../convert.js";
import { openDataset } from "../dataset.js";
import { folderDigest, makeFolder, makeJpeg, type Files } from "../testing/folders.js";
import { checkDataset, isAtLeast, type CheckResult } from "./check-dataset.js";
import { checkJson, checkText } from "./check-text.js";
import { planRepairs, writeRepairs } from "./repair.js";
import { checkReport } from "./report.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yolov9-check-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function withSet(files: Files, test: (root: string) => Promise<void>): Promise<void> {
  const { root, remove } = await makeFolder(files);
  const before = await folderDigest(root);
  try {
    await test(root);
    expect(await folderDigest(root)).toBe(before);
  } finally {
    await remove();
  }
}

/** `kind place`, without the folder. */
function told({ findings }: CheckResult, root: string): string[] {
  return findings.map(({ kind, file, line }) => `${kind} ${file.replace(`${root}/`, "")}${line === undefined ? "" : `:${line}`}`); // prettier-ignore
}

const whole = "0 0.5 0.5 0.4 0.4\n";

describe("a check", () => {
  it("finds nothing in a set that is right", async () => {
    await withSet(
      {
        "data.yaml": "train: images/train\nval: images/val\nnames: [a]\n",
        "images/train/a.jpg": await makeJpeg(64, 64, 1),
        "labels/train/a.txt": whole,
        "images/val/b.jpg": await makeJpeg(64, 64, 2),
        "labels/val/b.txt": whole,
      },
      async (root) => {
        const result = await checkDataset(root, { workers: 0 });
        expect(told(result, root)).toEqual([]);
        expect(isAtLeast(result, "info")).toBe(false);
        expect((await checkReport(result)).includes("Nothing was found")).toBe(true);
      },
    );
  });

  it("tells images by what is wrong with them", async () => {
    const pixels = { width: 64, height: 64, channels: 3 as const };
    const noise = await sharp(await makeJpeg(64, 64, 5)).png().toBuffer(); // prettier-ignore
    const big = await makeJpeg(400, 300, 6);
    await withSet(
      {
        "data.yaml": "train: images\nnames: [a]\n",
        "images/alpha.png": await sharp(await makeJpeg(64, 64, 7)).ensureAlpha(0.5).png().toBuffer(),
        "images/blank.png": await sharp({ create: { ...pixels, background: "#123456" } }).png().toBuffer(),
        "images/cmyk.jpg": await sharp(await makeJpeg(64, 64, 8)).toColourspace("cmyk").jpeg().toBuffer(),
        "images/cut.jpg": big.subarray(0, big.length / 2),
        "images/deep.png": await sharp(await makeJpeg(64, 64, 9)).toColourspace("rgb16").png().toBuffer(),
        "images/none.jpg": "no image",
        "images/old.bmp": "BM",
        "images/png.jpg": noise,
        "images/turned.jpg": await sharp(await makeJpeg(80, 64, 10)).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
        ...Object.fromEntries(["alpha", "blank", "cmyk", "cut", "deep", "none", "png", "turned"].map((name) => [`labels/${name}.txt`, whole])),
      },
      async (root) => {
        const result = await checkDataset(root, { workers: 2 });
        expect(told(result, root)).toEqual([
          "image-unreadable images/none.jpg",
          "image-damaged images/cut.jpg",
          "image-wrong-extension images/png.jpg",
          "image-rotated images/turned.jpg",
          "image-cmyk images/cmyk.jpg",
          "image-16-bit images/deep.png",
          "image-blank images/blank.png",
          "image-alpha images/alpha.png",
          "image-unlisted images/old.bmp",
        ]);
        expect(result.counts).toEqual({ error: 0, warning: 6, info: 3 });
        const quick = await checkDataset(root, { pixels: false, workers: 0 });
        expect(told(quick, root)).not.toContain("image-damaged images/cut.jpg");
        expect(told(quick, root)).toContain("image-16-bit images/deep.png");
      },
    );
  }); // prettier-ignore

  it("tells labels and classes by file and line", async () => {
    const rows = ["0 0.5 0.5 0.4 0.4", "0 0.5 0.5 0.4 0.4", "0 0.5 0.5 0.40 0.4", "7 0.5 0.5 0.4 0.4", "0 0.1 0.1 0.2 0.2 ", "0 0.9 0.5 0.4 0.1", "0 0.1 0.1 0.9", "0 0.1 0.2", "0 0.5 0.5 0 0.1", "0 0.5 0.5 0.9 0.01", "0 0.5 0.5 0.5 0.04"]; // prettier-ignore
    await withSet(
      {
        "data.yaml": "train: images/train\nval: images/val\nnames: [a, b, c]\n",
        "images/train/a.jpg": await makeJpeg(100, 100, 1),
        "images/train/bare.jpg": await makeJpeg(100, 100, 2),
        "labels/train/a.txt": rows.join("\n"),
        "labels/train/orphan.txt": whole,
        "labels/train/classes.txt": "a\nb\n",
        "images/val/v.jpg": await makeJpeg(100, 100, 3),
        "labels/val/v.txt": "0 0.5 0.5 0.4 0.4\n1 0.5 0.5 0.4 0.4\n",
      },
      async (root) => {
        const result = await checkDataset(root, { workers: 0 });
        expect(told(result, root)).toEqual([
          "row-malformed labels/train/a.txt:7",
          "class-unknown labels/train/a.txt:4",
          "box-no-area labels/train/a.txt:9",
          "polygon-short labels/train/a.txt:8",
          "box-sticks-out labels/train/a.txt:6",
          "box-duplicate labels/train/a.txt:3",
          "row-duplicate labels/train/a.txt:2",
          "label-without-image labels/train/orphan.txt",
          "class-without-objects class 2",
          "class-missing-in-split class 1",
          "image-without-label images/train/bare.jpg",
          "box-extreme-aspect labels/train/a.txt:10",
          "box-under-two-pixels labels/train/a.txt:10",
        ].filter((entry) => entry !== "box-extreme-aspect labels/train/a.txt:10")); // prettier-ignore
        expect(result.statistics?.splits.train).toEqual({ images: 2, empty: 1, objects: 6, classes: [6, 0, 0] });
        const text = checkText(result, 1);
        expect(text).toContain("labels/train/a.txt:7: 4 values: a box has 5");
        expect(text).toContain("train: 2 images with 6 objects, 1 without objects");
        const json = JSON.parse(JSON.stringify(checkJson(result))) as { findings: object[] };
        expect(json.findings[0]).toMatchObject({ kind: "row-malformed", severity: "warning", line: 7 });
        const report = await checkReport(result);
        expect(report.match(/<img src="data:image\/jpeg/g)?.length).toBe(8);
        expect(/(?:src|href)="(?:https?:|\/)/.test(report)).toBe(false);
      },
    );
  });

  it("finds copies in and across splits, scaled and compressed anew too", async () => {
    const picture = await makeJpeg(320, 240, 1);
    const small = await sharp(picture).resize(200, 150).jpeg({ quality: 60 }).toBuffer();
    const other = await makeJpeg(320, 240, 2);
    await withSet(
      {
        "data.yaml": "train: images/train\nval: images/val\nnames: [a]\n",
        "images/train/a.jpg": picture,
        "images/train/b.jpg": picture,
        "images/train/c.jpg": other,
        "images/val/d.jpg": picture,
        "images/val/e.jpg": small,
        "images/val/f.png": await sharp(other).modulate({ brightness: 1.05 }).png().toBuffer(),
        "images/val/g.jpg": await makeJpeg(320, 240, 3),
        ...Object.fromEntries(["train/a", "train/b", "train/c", "val/d", "val/e", "val/f", "val/g"].map((name) => [`labels/${name}.txt`, whole])),
      },
      async (root) => {
        expect(told(await checkDataset(root), root)).toEqual([
          "image-across-splits images/val/d.jpg",
          "image-near-across-splits images/val/e.jpg",
          "image-near-across-splits images/val/f.png",
          "image-duplicate images/train/b.jpg",
        ]);
      },
    );
  }); // prettier-ignore

  it("says in one finding why a set cannot be read, and lists all images of a split of which none can", async () => {
    const result = await checkDataset(join(folder, "nowhere"));
    expect(result.findings.map(({ kind }) => kind)).toEqual(["dataset-unusable"]);
    expect((await checkReport(result)).includes("no such file or folder")).toBe(true);
    await withSet(
      { "data.yaml": "train: images\nnames: [a]\n", "images/a.jpg": "x", "images/b.jpg": "y" },
      async (root) => {
        const { findings } = await checkDataset(root, { workers: 0 });
        expect(findings.map(({ kind }) => kind)).toEqual(["split-empty", "image-unreadable", "image-unreadable"]);
      },
    );
  });

  it("tells a thousand findings that say the same in one line, in text and report, and each in JSON", async () => {
    const files: Files = { "images/a.jpg": await makeJpeg(64, 64), "labels/a.txt": whole };
    for (let i = 0; i < 50; i++) {
      files[`images/${i}.jpg`] = files["images/a.jpg"]!;
      files[`labels/${i}.txt`] = Array.from({ length: 20 }, (_, row) => `${row + 1} 0.5 0.5 0.4 0.4`).join("\n");
    }
    await withSet({ ...files, "data.yaml": "train: images\nnames: [a]\n" }, async (root) => {
      const result = await checkDataset(root, { workers: 0, pixels: false });
      const unknown = result.findings.filter(({ kind }) => kind === "class-unknown");
      expect([unknown.length, result.counts.error]).toEqual([1000, 0]);
      const lines = checkText(result, 10)
        .split("\n")
        .filter((line) => line.includes("the dataset names 1 classes"));
      expect(lines).toEqual([
        expect.stringMatching(/0\.txt:1: class 1 but.*and 999 more like it, in .*:2, .*:3 and so on/),
      ]);
      expect(checkText(result, 0).match(/the dataset names 1 classes/g)).toHaveLength(1000);
      const report = await checkReport(result);
      expect(
        report.match(/<summary>[^\n]*the dataset names 1 classes[^\n]*more like it<\/b><\/summary>/g),
      ).toHaveLength(1);
      const strict = await checkDataset(root, { workers: 0, pixels: false, strict: true });
      expect([strict.counts.warning, isAtLeast(strict, "error")]).toEqual([0, true]);
    });
  });

  it("takes training images without any object for what they are", async () => {
    await withSet({ "data.yaml": "train: images\nval: images\nnames: [a]\n", "images/a.jpg": await makeJpeg(64, 64), "labels/a.txt": "7 0.5 0.5 0.1 0.1\n" }, async (root) => {
      const { findings, counts } = await checkDataset(root, { workers: 0 });
      expect(findings.map(({ kind }) => kind)).toContain("nothing-to-learn");
      expect(counts.error).toBe(1);
    });
  }); // prettier-ignore

  it("makes no markup of what a data set contains", async () => {
    const name = '<img src=x onerror=alert(1)>"&';
    await withSet(
      {
        "data.yaml": `train: images\nnames: ['${name}']\n`,
        "images/<b>.jpg": await makeJpeg(64, 64),
        "labels/<b>.txt": `${whole}<script>alert(1)</script> 1 2 3 4\n`,
      },
      async (root) => {
        const report = await checkReport(await checkDataset(root, { workers: 0 }));
        expect(/<script|<img src=x|<b>\.jpg/.test(report)).toBe(false);
        expect(report.includes("&lt;script&gt;")).toBe(true);
      },
    );
  });
});

describe("repairs", () => {
  const rows = [
    "0 0.5 0.5 0.4 0.4\r\n",
    "0 0.5 0.5 0.4 0.4\r\n",
    "1 0.9 0.5 0.4 0.2\r\n",
    "0 0.5 0.5 0 0.1\r\n",
    "hello\r\n",
  ];
  const files = async (): Promise<Files> => ({
    "data.yaml": "train: images\nnames: [a, b]\n",
    "images/a.jpg": await makeJpeg(100, 100),
    "labels/a.txt": rows.join(""),
    "images/b.jpg": await makeJpeg(100, 100, 2),
    "labels/b.txt": whole,
  }); // prettier-ignore

  it("drop and cut rows, keep all else to the byte, and show a diff before anything is written", async () => {
    await withSet(await files(), async (root) => {
      const { dataset, findings } = await checkDataset(root, { pixels: false, workers: 0 });
      const repairs = await planRepairs(dataset!, findings);
      expect(repairs.map(({ dropped, clipped, after }) => [dropped, clipped, after])).toEqual([
        [2, 1, "0 0.5 0.5 0.4 0.4\r\n1 0.85 0.5 0.3 0.2\r\nhello\r\n"],
      ]);
      expect(repairs[0]!.diff.split("\n").filter((line) => /^[-+]/.test(line))).toEqual([
        "- 0 0.5 0.5 0.4 0.4",
        "- 1 0.9 0.5 0.4 0.2",
        "- 0 0.5 0.5 0 0.1",
        "+ 1 0.85 0.5 0.3 0.2",
      ]);
    });
  });

  it("leave an annotation alone of which only a ring or its mask is bad", async () => {
    const annotation = (id: number, segmentation: unknown) => ({ id, image_id: 1, category_id: 1, bbox: [id, 1, 9, 9], segmentation }); // prettier-ignore
    const content = {
      images: [{ id: 1, file_name: "a.jpg", width: 64, height: 64 }],
      annotations: [annotation(1, [[1, 1, 5, 5]]), annotation(2, { counts: "no size" }), annotation(3, [])],
      categories: [{ id: 1, name: "a" }],
    };
    const set = { "annotations/instances_train.json": JSON.stringify(content), "train/a.jpg": await makeJpeg(64, 64) };
    await withSet(set, async (root) => {
      const { dataset, findings } = await checkDataset(root, { workers: 0 });
      expect(findings.map(({ kind, reason }) => `${kind} ${reason.slice(0, 12)}`)).toEqual([
        "polygon-short annotation 1",
        "mask-malformed annotation 2",
      ]);
      expect(await planRepairs(dataset!, findings)).toEqual([]);
    });
  });

  it.each(["yolo", "voc", "coco", "csv"])(
    "of %s go into a new folder that opens with the images in place",
    async (format) => {
      await withSet(await files(), async (root) => {
        const source = join(folder, "source");
        await convertDataset(root, { to: format, output: source });
        const before = await folderDigest(source);
        const { dataset, findings } = await checkDataset(source, { pixels: false, workers: 0 });
        const repairs = await planRepairs(dataset!, findings);
        const output = join(folder, "fixed");
        await writeRepairs(source, dataset!, repairs, output);
        expect(await folderDigest(source)).toBe(before);
        const { splits, problems, remarks } = await openDataset(output);
        expect([problems, remarks]).toEqual([[], []]);
        const [a, b] = splits.train!;
        expect([a!.path.startsWith(source), [...a!.classes], [...b!.classes]]).toEqual([true, [0, 1], [0]]);
        Array.from(a!.boxes, (value, i) => expect(value).toBeCloseTo([30, 30, 70, 70, 70, 40, 100, 60][i]!, 2));
      });
    },
  );
});

const bccd = resolve(import.meta.dirname, "../../../../../../shared/datasets/bccd");

describe.skipIf(!existsSync(bccd))("BCCD (from ../shared; skipped when it is not there)", () => {
  it("has two boxes without area, and one field of view photographed twice, once for each of two splits", async () => {
    const result = await checkDataset(bccd);
    expect(told(result, bccd)).toEqual([
      "image-near-across-splits JPEGImages/BloodImage_00037.jpg",
      "box-no-area Annotations/BloodImage_00338.xml:158",
      "box-no-area Annotations/BloodImage_00343.xml:50",
    ]);
    const { dataset, findings } = result;
    const repairs = await planRepairs(dataset!, findings);
    expect(repairs.map(({ dropped, clipped }) => [dropped, clipped])).toEqual([[1, 0], [1, 0]]); // prettier-ignore
    await writeRepairs(bccd, dataset!, repairs, join(folder, "fixed"));
    const repaired = await openDataset(join(folder, "fixed"));
    expect(repaired.problems).toEqual([]);
    const untouched = "BloodImage_00000.xml";
    expect(await readFile(join(folder, "fixed/labels", untouched))).toEqual(await readFile(join(bccd, "Annotations", untouched))); // prettier-ignore
  }, 120_000);
});
