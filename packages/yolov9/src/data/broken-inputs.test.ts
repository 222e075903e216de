/**
 * Kinds of broken and odd input, listed in KINDS: each must be reported with its file (and line) or refused with a message that names it;
 * none may crash, hang, or be changed.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";
import { describe, expect, it } from "vitest";

import { checkDataset } from "./check/check-dataset.js";
import { convertDataset } from "./convert.js";
import { openDataset } from "./dataset.js";
import { Loader } from "./loader.js";
import { DatasetError } from "./sample.js";
import { folderDigest, makeFolder, makeJpeg, type Files } from "./testing/folders.js";

interface Kind {
  readonly name: string;
  readonly files?: Files | (() => Promise<Files>);
  /** What files cannot say: pipes, links, modes. */
  readonly setUp?: (root: string) => void;
  /** Path that is opened, relative to the folder. */
  readonly open?: string;
  /** `kind file[:line]` that a check must tell, at least. */
  readonly told?: readonly string[];
  /** The message with which it is refused. */
  readonly refused?: RegExp;
  /** Images that can be used nevertheless; default 1, the whole one. */
  readonly usable?: number;
}

const jpeg = await makeJpeg(64, 48);
const row = "0 0.5 0.5 0.4 0.4\n";

/** A YOLO set of one good image, beside which the trouble is put. */
const GOOD: Files = { "data.yaml": "train: images\nnames: [cell]\n", "images/good.jpg": jpeg, "labels/good.txt": row };

/** A PNG whose header promises more than anyone has memory for. */
async function promising(width: number, height: number): Promise<Buffer> {
  const png = await sharp(jpeg).png().toBuffer();
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}

const pipe = (path: string) => (root: string) => void execFileSync("mkfifo", [join(root, path)]);
const link = (target: string, path: string) => (root: string) => symlinkSync(target, join(root, path));

const cocoImages = [{ id: 1, file_name: "good.jpg", width: 64, height: 48 }];
const coco = (content: object): Files => ({
  "annotations/instances_train.json": JSON.stringify(
    { images: cocoImages, annotations: [], categories: [{ id: 1, name: "cell" }], ...content },
    undefined,
    1,
  ),
  "train/good.jpg": jpeg,
});
const voc = (xml: string): Files => ({
  "Annotations/bad.xml": xml,
  "Annotations/good.xml": "<annotation><object><name>cell</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>",
  "JPEGImages/bad.jpg": jpeg,
  "JPEGImages/good.jpg": jpeg,
  "ImageSets/Main/train.txt": "good\nbad\n",
}); // prettier-ignore

const BILLION_LAUGHS =
  '<!DOCTYPE x [<!ENTITY a "ha">' +
  Array.from("bcdefghi", (name, i) => `<!ENTITY ${name} "${`&${"abcdefgh"[i]!};`.repeat(10)}">`).join("") +
  "]><annotation><object><name>&i;</name></object></annotation>";

const YAML_BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from("bcdefghij", (name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[i]!}`).join()}]`).join("\n")}\nnames: *j\n`; // prettier-ignore

const KINDS: readonly Kind[] = [
  // Images
  { name: "a JPEG cut short", files: { "images/bad.jpg": jpeg.subarray(0, jpeg.length / 2) }, told: ["image-damaged images/bad.jpg"], usable: 2 },
  { name: "an image of zero bytes", files: { "images/bad.jpg": "" }, told: ["image-unreadable images/bad.jpg"] },
  { name: "a text named .jpg", files: { "images/bad.jpg": "GIF, but not really" }, told: ["image-unreadable images/bad.jpg"] },
  { name: "a header and nothing else", files: { "images/bad.jpg": jpeg.subarray(0, 4) }, told: ["image-unreadable images/bad.jpg"] },
  { name: "a PNG named .jpg", files: async () => ({ "images/bad.jpg": await sharp(jpeg).png().toBuffer() }), told: ["image-wrong-extension images/bad.jpg"], usable: 2 },
  { name: "more than 100 megapixels", files: async () => ({ "images/bad.png": await promising(11_648, 8_736) }), told: ["image-huge images/bad.png"] },
  { name: "SVG named .png", files: { "images/bad.png": `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"/>` }, told: ["image-unreadable images/bad.png"] },
  { name: "dimensions beyond all memory", files: async () => ({ "images/bad.png": await promising(60_000, 60_000) }), told: ["image-huge images/bad.png"] },
  { name: "dimensions that are a lie", files: async () => ({ "images/bad.png": await promising(6000, 4000) }), told: ["image-damaged images/bad.png"], usable: 2 },
  { name: "one pixel", files: async () => ({ "images/bad.png": await sharp(jpeg).resize(1, 1).png().toBuffer() }), told: ["image-tiny images/bad.png"] },
  { name: "16 bits a channel", files: async () => ({ "images/bad.png": await sharp(jpeg).toColourspace("rgb16").png().toBuffer() }), told: ["image-16-bit images/bad.png"], usable: 2 },
  { name: "CMYK", files: async () => ({ "images/bad.jpg": await sharp(jpeg).toColourspace("cmyk").jpeg().toBuffer() }), told: ["image-cmyk images/bad.jpg"], usable: 2 },
  { name: "a type without decoder", files: { "images/bad.bmp": "BM" }, told: ["image-unlisted images/bad.bmp"] },
  { name: "a pipe instead of an image", setUp: pipe("images/bad.jpg"), told: ["image-unreadable images/bad.jpg"] },
  { name: "a device instead of an image", setUp: link("/dev/zero", "images/bad.jpg"), told: ["image-unreadable images/bad.jpg"] },
  { name: "a folder named like an image", files: { "images/bad.jpg/inside.jpg": jpeg }, usable: 2 },
  { name: "a link to nothing", setUp: link("nowhere.jpg", "images/bad.jpg"), told: ["image-missing images/bad.jpg"] },
  { name: "links of files in a circle", setUp: (root) => { link("b.jpg", "images/a.jpg")(root); link("a.jpg", "images/b.jpg")(root); }, told: ["image-missing images/a.jpg", "image-missing images/b.jpg"] },
  { name: "links of folders in a circle", setUp: link("..", "images/up"), told: ["link-cycle images/up/images"], files: { "images/x": "" } },
  { name: "a link out of the folder", setUp: link("/etc/hostname", "images/bad.jpg"), told: ["image-unreadable images/bad.jpg"] },
  { name: "a list with an image that is gone and one twice", files: { "data.yaml": "train: list.txt\nnames: [cell]\n", "list.txt": "images/gone.jpg\nimages/good.jpg\nimages/good.jpg\nimages\n" }, told: ["image-missing images/gone.jpg", "row-duplicate list.txt:3", "image-unreadable images"] },
  { name: "names in any script, with blanks and line ends in them", files: { "images/й 日本 é.jpg": jpeg, "labels/й 日本 é.txt": row, "images/two\nlines.jpg": jpeg, "labels/two\nlines.txt": row }, usable: 3 },

  // Labels
  { name: "text in labels", files: { "labels/good.txt": `${row}hello world\n` }, told: ["row-malformed labels/good.txt:2"] },
  { name: "NaN and infinity", files: { "labels/good.txt": "0 nan 0.5 0.1 0.1\n0 0.5 inf 0.1 0.1\n0 0.5 1e999 0.1 0.1\n" }, told: [1, 2, 3].map((line) => `row-malformed labels/good.txt:${line}`) },
  { name: "negative numbers", files: { "labels/good.txt": "0 -0.5 0.5 0.1 0.1\n-1 0.5 0.5 0.1 0.1\n0 0.5 0.5 -0.1 0.1\n" }, told: [1, 2, 3].map((line) => `row-malformed labels/good.txt:${line}`) },
  { name: "classes beyond all names", files: { "labels/good.txt": "1 0.5 0.5 0.1 0.1\n99999999999999999999 0.5 0.5 0.1 0.1\n" }, told: ["class-unknown labels/good.txt:1", "row-malformed labels/good.txt:2"] },
  { name: "Windows line ends and a byte-order mark", files: { "labels/good.txt": `\uFEFF${row.trim()}\r\n0 0.2 0.2 0.1 0.1\r\nbad\r\n` }, told: ["row-malformed labels/good.txt:3"] },
  { name: "UTF-16", files: { "labels/good.txt": Buffer.from(`\uFEFF${row}`, "utf16le") }, told: ["row-malformed labels/good.txt:1"] },
  { name: "bytes that are no text", files: { "labels/good.txt": jpeg }, told: ["row-malformed labels/good.txt:1"] },
  { name: "a line of a megabyte", files: { "labels/good.txt": `${row}0${" 0.5".repeat(250_001)}\n` }, told: ["row-malformed labels/good.txt:2"] },
  { name: "a folder instead of labels", files: { "images/bad.jpg": jpeg, "labels/bad.txt/x": "" }, told: ["label-unreadable labels/bad.txt"], usable: 2 },
  { name: "a pipe instead of labels", files: { "images/bad.jpg": jpeg }, setUp: pipe("labels/bad.txt"), told: ["label-unreadable labels/bad.txt"], usable: 2 },

  // Descriptions
  { name: "a missing folder", files: { "data.yaml": "train: pictures\nnames: [cell]\n" }, refused: /data\.yaml: train names "pictures", but .* does not exist/ },
  { name: "a YAML bomb", files: { "data.yaml": YAML_BOMB }, refused: /data\.yaml: has more than 500000 values, aliases repeated|Excessive alias/ },
  { name: "broken YAML", files: { "data.yaml": "train: [images\nnames: {" }, refused: /data\.yaml:\d: not a YAML file: / },
  { name: "an empty description", files: { "data.yaml": "" } },
  { name: "a description of the wrong types", files: { "data.yaml": "train: 5\nnames: cell\n" }, refused: /data\.yaml: [\s\S]*train[\s\S]*names/ },
  { name: "a pipe instead of a description", files: { "data.yaml": "x" }, setUp: (root) => { rmSync(join(root, "data.yaml")); pipe("data.yaml")(root); }, refused: /data\.yaml: is neither a file/ },
  { name: "a folder of other things", files: { "notes/a.md": "#" }, open: "notes", refused: /notes: no known dataset layout/ },

  // COCO
  { name: "JSON that is not COCO", files: { "x.json": '{"shapes": []}' }, open: "x.json", refused: /x\.json: not a COCO file: [\s\S]*images/ },
  { name: "JSON cut short", files: { "x.json": '{"images": [{"id": 1' }, open: "x.json", refused: /x\.json: not a JSON file/ },
  { name: "JSON of a hundred thousand levels", files: { "x.json": "[".repeat(100_000) }, open: "x.json", refused: /x\.json: not a JSON file/ },
  { name: "an image id twice", files: coco({ images: [...cocoImages, ...cocoImages] }), open: "annotations/instances_train.json", told: ["id-duplicate annotations/instances_train.json:9"] },
  { name: "annotations of every wrong kind", files: coco({ annotations: [{ image_id: 7, category_id: 1, bbox: [1, 1, 2, 2] }, { image_id: 1, category_id: 9, bbox: [1, 1, 2, 2] }, { image_id: 1, category_id: 1, bbox: ["1", null] }, 5] }), open: "annotations/instances_train.json", told: ["id-unknown annotations/instances_train.json:11", "class-unknown annotations/instances_train.json:21", "row-malformed annotations/instances_train.json:31", "row-malformed annotations/instances_train.json:39"] },
  { name: "file names that lead elsewhere", files: coco({ images: [...cocoImages, { id: 2, file_name: "../../../../../../etc/passwd" }], ["__proto__"]: { x: 1 } }), open: "annotations/instances_train.json", told: ["image-unreadable /etc/passwd"] },

  // Pascal VOC
  { name: "XML cut short", files: voc("<annotation>\n<object><name>cell"), open: ".", told: ["label-unreadable Annotations/bad.xml:2"] },
  { name: "XML that is not well-formed", files: voc("<annotation><object></annotation></wrong></annotation>"), open: ".", told: ["label-unreadable Annotations/bad.xml:1"] },
  { name: "XML entities that multiply", files: voc(BILLION_LAUGHS), open: ".", told: ["label-unreadable Annotations/bad.xml"] },
  { name: "XML of something else", files: voc("<html></html></annotation>"), open: ".", told: ["label-unreadable Annotations/bad.xml"] },

  // CSV
  { name: "CSV without header", files: { "x.csv": "a.jpg,1,2,3,4,cell\n" }, open: "x.csv", refused: /x\.csv:1: the header must name/ },
  { name: "CSV with null bytes and an open quote", files: { "x.csv": 'image,class,x1,y1,x2,y2\nimages/good.jpg,cell,1,1,9,9\n\0\0\0,"x\n' }, open: "x.csv", told: ["image-missing"] },
]; // prettier-ignore

/** Longer than this hangs; the slowest kind takes a second. */
const PATIENCE_MS = 30_000;

describe(`${KINDS.length} kinds of broken input`, () => {
  it.each(KINDS.map((kind) => [kind.name, kind] as const))(
    "%s",
    async (_, { files = {}, setUp, open = ".", told = [], refused, usable = 1 }) => {
      const own = typeof files === "function" ? await files() : files;
      // Kinds in formats of their own must not be taken for the good YOLO set.
      const base = "Annotations/good.xml" in own ? {} : GOOD;
      const { root, remove } = await makeFolder({ ...base, ...own });
      try {
        setUp?.(root);
        const before = await folderDigest(root);
        const path = join(root, open);
        const result = await checkDataset(path, { workers: 0 });
        if (refused) {
          await expect(openDataset(path, { cache: false })).rejects.toThrow(DatasetError);
          await expect(openDataset(path, { cache: false })).rejects.toThrow(refused);
          expect(result.findings.map(({ kind }) => kind)).toEqual(["dataset-unusable"]);
        } else {
          const { splits } = await openDataset(path, { cache: false });
          expect(splits.train).toHaveLength(usable);
          const seen = result.findings.map(({ kind, file, line }) => `${kind} ${file.replace(`${root}/`, "")}${line === undefined ? "" : `:${line}`}`); // prettier-ignore
          for (const expected of told) expect(seen.join("\n")).toContain(expected);
          await loadAll(splits.train!);
        }
        expect(await folderDigest(root)).toBe(before);
      } finally {
        await remove();
      }
    },
    PATIENCE_MS,
  );
});

/** What can be used is loaded, and what turns out broken is reported by the loader. */
async function loadAll(samples: ConstructorParameters<typeof Loader>[0]): Promise<void> {
  const loader = new Loader(samples, { imageSize: 64, batchSize: 8, workers: 0 });
  try {
    let images = 0;
    for await (const batch of loader.batches(0)) images += batch.batchSize;
    expect(images + loader.problems.length).toBe(samples.length);
  } finally {
    await loader.close();
  }
}

/** A file system of 256 KiB, or undefined where mounting is not allowed. */
function smallDisk(): { folder: string; remove: () => void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "yolov9-small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], { stdio: "pipe" });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  return {
    folder,
    remove: () => {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

describe("places that cannot be written", () => {
  async function withGood(test: (root: string) => Promise<void>): Promise<void> {
    const noise = await sharp({ create: { width: 400, height: 400, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 60 } } }).png().toBuffer(); // prettier-ignore
    const { root, remove } = await makeFolder({ ...GOOD, "images/noise.png": noise });
    try {
      await test(root);
    } finally {
      await remove();
    }
  }

  it("a full disk stops a conversion with a message, and nothing half-written is left", async (context) => {
    const disk = smallDisk();
    if (!disk) return context.skip("mounting a small tmpfs is not allowed here");
    try {
      await withGood(async (root) => {
        const output = join(disk.folder, "out");
        await expect(convertDataset(root, { to: "voc", output })).rejects.toThrow(/out: cannot be written \(no space/);
        expect(readdirSync(disk.folder)).toEqual([]);
      });
    } finally {
      disk.remove();
    }
  });

  it("a read-only file system or a file in the way is named", async () => {
    await withGood(async (root) => {
      for (const output of ["/proc/yolov9/out", join(root, "data.yaml", "out"), join(root, "data.yaml")]) {
        await expect(convertDataset(root, { to: "voc", output })).rejects.toThrow(DatasetError);
        await expect(convertDataset(root, { to: "voc", output })).rejects.toThrow(output);
      }
    });
  });

  it("a read-only data set is read and checked without a trace", async () => {
    await withGood(async (root) => {
      const folders = ["", "images", "labels"].map((folder) => join(root, folder));
      for (const folder of folders) chmodSync(folder, 0o555);
      mkdirSync(join(tmpdir(), "yolov9-cache-test"), { recursive: true });
      try {
        const before = await folderDigest(root);
        await openDataset(root, { cache: join(tmpdir(), "yolov9-cache-test") });
        await checkDataset(root, { workers: 0 });
        expect(await folderDigest(root)).toBe(before);
      } finally {
        for (const folder of folders) chmodSync(folder, 0o755);
        rmSync(join(tmpdir(), "yolov9-cache-test"), { recursive: true });
      }
    });
  });
});
