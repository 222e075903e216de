/** Data sets, their descriptions, pictures, and what training and evaluation read besides. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { COCO_IOU_TYPES, rleFromCounts, rleFromPolygons, rleFromString, rleToString } from "@yolov9/vision";
import sharp, { type Sharp } from "sharp";
import { EvaluateConfig, resolveConfig, TrainConfig } from "../config/index.js";
import { scanImage } from "../data/check/scan-image.js";
import { readDescription } from "../data/description.js";
import { formatNamed } from "../data/formats/registry.js";
import { readImageSizes } from "../data/image-files.js";
import { openDataset, problemText, type Dataset, type Problem } from "../data/index.js";
import { evaluateFiles } from "../evaluate/index.js";
import { readFixture } from "../parity/fixture.js";
import { readRun } from "../train/index.js";
import type { Parser, Prepared } from "./parser.js";

type Files = Readonly<Record<string, string | Buffer>>;

function write(folder: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function picture(): Sharp {
  return sharp({ create: { width: 64, height: 48, channels: 3, background: "#387" } });
}

/** A data set around the input, with a good picture in it. */
function dataset(picturePath: string, files: Files, seeds: readonly string[]): (folder: string) => Promise<Prepared> {
  return async (folder) => {
    write(folder, { ...files, [picturePath]: await picture().jpeg().toBuffer() });
    return { seeds };
  };
}

/** Opens a data set as a check does, and drops every row of the label file as a repair could. */
async function openAndRepair(path: string, labels: string): Promise<string[]> {
  const opened = await openDataset(path, { cache: false, thorough: true });
  const edits = [0, 1].map((row) => ({ row, change: "drop" as const }));
  formatNamed(opened.format).repair(readFileSync(labels, "utf8"), edits);
  return textsOf(opened);
}

function textsOf({ problems, remarks }: Pick<Dataset, "problems" | "remarks">): string[] {
  return [...problems, ...remarks].map(problemText);
}

const COCO_SEED = {
  images: [{ id: 1, file_name: "good.jpg", width: 64, height: 48 }],
  annotations: [
    { id: 1, image_id: 1, category_id: 1, bbox: [1, 2, 30, 20], area: 600, iscrowd: 0, segmentation: [[1, 2, 31, 2, 31, 22, 1, 22]], keypoints: [5, 5, 2, 9, 9, 1], num_keypoints: 2 },
    { id: 2, image_id: 1, category_id: 1, bbox: [4, 4, 9, 9], area: 81, iscrowd: 1, segmentation: { size: [48, 64], counts: [100, 50, 2922] }, keypoints: [0, 0, 0, 0, 0, 0] },
  ],
  categories: [{ id: 1, name: "cell", keypoints: ["left_eye", "right_eye"] }],
}; // prettier-ignore

/** Run lengths as text. */
const RUNS = rleToString(rleFromCounts([100, 50, 2922], 48, 64));

const COCO_DETECTIONS = [
  { image_id: 1, category_id: 1, score: 0.9, bbox: [1, 2, 30, 20], segmentation: { size: [48, 64], counts: RUNS }, keypoints: [5, 5, 2, 9, 9, 1] },
  { image_id: 1, category_id: 1, score: 0.5, bbox: [4, 4, 9, 9], segmentation: [[4, 4, 13, 4, 13, 13]], keypoints: [1, 1, 1, 2, 2, 2] },
]; // prettier-ignore

const json = (value: unknown): string => JSON.stringify(value, undefined, 1);

const VOC_SEED = `<?xml version="1.0"?>
<annotation>
  <filename>a.jpg</filename>
  <size><width>64</width><height>48</height><depth>3</depth></size>
  <object><name>cell</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>20</ymax></bndbox></object>
  <object><name>dog</name><pose>Left</pose><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>
`;

const YOLO_SEEDS = [
  "0 0.5 0.5 0.4 0.4\n1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.8\n",
  "0 0.5 0.5 0.4 0.4 0.1 0.1 2 0.9 0.9 1\n# x\n",
];

/** Evaluates the two files with the input in place of one. */
const evaluation = (name: "gt" | "dt", seed: unknown): Parser => ({
  name: `coco-${name}`,
  file: `${name}.json`,
  text: true,
  slowness: 2,
  prepare: (folder) => {
    write(folder, { "gt.json": json(COCO_SEED), "dt.json": json(COCO_DETECTIONS) });
    return { seeds: [json(seed)] };
  },
  parse: async (_, folder) => {
    const files = { gt: join(folder, "gt.json"), dt: join(folder, "dt.json") };
    for (const iouType of COCO_IOU_TYPES) await evaluateFiles(EvaluateConfig.parse({ ...files, iouType }));
    return undefined;
  },
});

export const dataParsers: readonly Parser[] = [
  {
    name: "coco",
    file: "annotations/instances_train.json",
    text: true,
    prepare: dataset("train/good.jpg", {}, [json(COCO_SEED)]),
    parse: (path) => openAndRepair(path, path),
  },
  evaluation("gt", COCO_SEED),
  evaluation("dt", COCO_DETECTIONS),
  {
    name: "voc",
    file: "Annotations/a.xml",
    text: true,
    prepare: dataset("JPEGImages/a.jpg", { "ImageSets/Main/train.txt": "a\n" }, [VOC_SEED]),
    parse: (path, folder) => openAndRepair(folder, path),
  },
  {
    name: "yolo",
    file: "labels/a.txt",
    text: true,
    prepare: dataset(
      "images/a.jpg",
      { "data.yaml": "train: images\nnames: [cell, dog]\nkpt_shape: [2, 3]\n" },
      YOLO_SEEDS,
    ),
    parse: (path, folder) => openAndRepair(join(folder, "data.yaml"), path),
  },
  {
    name: "yolo-nameless",
    file: "labels/a.txt",
    text: true,
    prepare: dataset("images/a.jpg", {}, YOLO_SEEDS),
    parse: (path, folder) => openAndRepair(folder, path),
  },
  {
    name: "list",
    file: "train.txt",
    text: true,
    prepare: dataset("images/a.jpg", { "labels/a.txt": "0 0.5 0.5 0.4 0.4\n" }, [
      "images/a.jpg\n./images/a.jpg\n\nb.png\n",
    ]),
    parse: async (path) => textsOf(await openDataset(path, { cache: false })),
  },
  {
    name: "csv",
    file: "x.csv",
    text: true,
    prepare: dataset("images/a.jpg", {}, [
      'image,width,height,class,x1,y1,x2,y2\nimages/a.jpg,64,48,cell,1,2,30,20\nimages/a.jpg,64,48,"d,g",3,4,9,9\n',
      "filename;label;cx;cy;w;h\na;cell;0.5;0.5;0.2;0.2\n",
    ]),
    parse: (path) => openAndRepair(path, path),
  },
  {
    name: "dataset-yaml",
    file: "data.yaml",
    text: true,
    prepare: () => ({
      seeds: [
        "path: .\ntrain: images\nval: [a, b]\nnames: { 0: cat, 1: dog }\nnc: 2\nkpt_shape: [2, 3]\nkpt_names: [a, b]\nflip_idx: [1, 0]\nclasses: { animal: [cat, dog] }\n",
        "datasets:\n  - a.yaml\n  - { data: b, weight: 2, classes: [cat] }\nsingle_class: true\n",
        "a: &a [x, x]\nformat: csv\nnames: *a\nunits: pixel\ncategory_ids: [1, 2]\n",
      ],
    }),
    parse: async (path) => {
      await readDescription(path);
      return undefined;
    },
  },
  {
    name: "config-yaml",
    file: "train.yaml",
    text: true,
    prepare: () => ({
      seeds: [
        "data: d.yaml\nmodel: gelan-t\nepochs: 3\nimgsz: 64\nlr0: 0.01\nschedule: cosine\nmosaic: 0.5\nauxiliary: false\n",
      ],
    }),
    parse: (path) => {
      resolveConfig(TrainConfig, { file: path });
      return undefined;
    },
  },
  {
    name: "results",
    file: "results.json",
    text: true,
    prepare: () => {
      const losses = { box: 1, cls: 2, dfl: 3 };
      const metrics = { precision: 0.5, recall: 0.5, AP50: 0.5, AP: 0.4, fitness: 0.4 };
      const row = {
        epoch: 1,
        train: losses,
        metrics,
        lr: [1, 2, 3],
        imagesPerSecond: 9,
        trainSeconds: 1,
        valSeconds: 1,
      };
      return { seeds: [json([row, { ...row, epoch: 2 }])] };
    },
    parse: (_, folder) => {
      readRun(folder);
      return undefined;
    },
  },
  {
    name: "parity",
    file: "parity.json",
    text: true,
    prepare: () => ({
      seeds: [json({ variant: "gelan-t", nc: 2, size: 64, batch: 1, parameters: 9, state_dict: { "a.weight": [1, 2] }, strides: [8], eval: [{ shape: [1], values: [0.5] }], targets: [[0, 1, 0.5, 0.5, 0.1, 0.1]], train: { loss: 1, items_box_cls_dfl: [1, 2, 3], grad_l2: { a: 1 }, bn_running_mean_l2: { a: 1 } } })], // prettier-ignore
    }),
    parse: (path) => {
      readFixture(path);
      return undefined;
    },
  },
  {
    name: "rle",
    file: "rle.txt",
    text: true,
    namesFile: false,
    prepare: () => ({ seeds: [`48 64\n${RUNS}\n100 50 2922\n1 2 31 2 31 22 1 22\n`] }),
    parse: (path) => {
      const [size = "", text = "", counts = "", polygon = ""] = readFileSync(path, "utf8").split("\n");
      const [height = NaN, width = NaN] = size.split(" ").map(Number);
      const numbers = (line: string): number[] => line.split(" ").map(Number);
      for (const read of [
        () => rleFromString(text, height, width),
        () => rleFromCounts(numbers(counts), height, width),
        () => rleFromPolygons([numbers(polygon), numbers(counts)], height, width),
      ]) {
        try {
          read();
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          if (/^Invalid/.test(error.message)) throw error;
        }
      }
      return undefined;
    },
  },
  {
    name: "image",
    file: "input.jpg",
    text: false,
    slowness: 3,
    prepare: async () => ({
      seeds: await Promise.all(
        (["jpeg", "png", "webp", "gif", "tiff"] as const).map((format) => picture().toFormat(format).toBuffer()),
      ),
    }),
    parse: async (path) => {
      const problems: Problem[] = [];
      const [size] = await readImageSizes([path], problems, 100_000_000);
      if (size !== undefined) await scanImage(path, false);
      return problems.map(problemText);
    },
  },
];
