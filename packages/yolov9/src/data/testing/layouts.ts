/**
 * A small data set of coloured rectangles in the layouts that programs and people leave data sets in, for tests: the same pictures and boxes
 * each time, only the places and the form of the labels differ.
 */

import sharp from "sharp";

import type { Files } from "./folders.js";

const SIDE = 64;
export const LAYOUT_CLASSES = ["blue", "red"];

/** One picture with one box. */
interface Shape {
  readonly stem: string;
  readonly jpeg: Buffer;
  readonly classIndex: number;
  /** x1 y1 x2 y2 in pixels. */
  readonly box: readonly [number, number, number, number];
}

/** `count` different pictures, classes in turns. */
export async function shapes(count: number): Promise<Shape[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => shape(index)));
}

async function shape(index: number): Promise<Shape> {
  const classIndex = index % 2;
  const [x, y, size] = [4 + ((index * 7) % 24), 4 + ((index * 11) % 20), 24 + ((index * 5) % 12)];
  const rectangle = `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="${LAYOUT_CLASSES[classIndex]!}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">${rectangle}</svg>`;
  const jpeg = await sharp(Buffer.from(svg)).flatten({ background: "#bbb" }).jpeg().toBuffer();
  return { stem: `picture ${index}`, jpeg, classIndex, box: [x, y, x + size, y + size] };
}

export function xmlOf({ stem, classIndex, box: [x1, y1, x2, y2] }: Shape): string {
  const bounds = `<bndbox><xmin>${x1}</xmin><ymin>${y1}</ymin><xmax>${x2}</xmax><ymax>${y2}</ymax></bndbox>`;
  const object = `<object><name>${LAYOUT_CLASSES[classIndex]!}</name>${bounds}</object>`;
  return `<annotation><filename>${stem}.jpg</filename><size><width>${SIDE}</width><height>${SIDE}</height></size>${object}</annotation>`;
}

export function rowOf({ classIndex, box: [x1, y1, x2, y2] }: Shape): string {
  return `${[classIndex, ...[(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1].map((value) => value / SIDE)].join(" ")}\n`;
}

export function cocoOf(all: readonly Shape[]): string {
  return JSON.stringify({
    info: {},
    images: all.map(({ stem }, id) => ({ id, file_name: `${stem}.jpg`, width: SIDE, height: SIDE })),
    annotations: all.map(({ classIndex, box: [x1, y1, x2, y2] }, id) => {
      return { id, image_id: id, category_id: classIndex + 1, bbox: [x1, y1, x2 - x1, y2 - y1] };
    }),
    categories: LAYOUT_CLASSES.map((name, index) => ({ id: index + 1, name })),
  });
}

/** Pictures in one folder and their labels in another, or the same. */
export function placed(all: readonly Shape[], images: string, labels: string, form: "xml" | "txt"): Files {
  const files = all.map((one): [string, string | Buffer][] => [
    [`${images}/${one.stem}.jpg`, one.jpeg],
    [`${labels}/${one.stem}.${form}`, form === "xml" ? xmlOf(one) : rowOf(one)],
  ]);
  return Object.fromEntries(files.flat());
}

/** `place` for six training, two validation and two test pictures of ten. */
export function bySplit(
  all: readonly Shape[],
  [train, val, test]: readonly [string, string, string?],
  place: (part: readonly Shape[], split: string) => Files,
): Files {
  return {
    ...place(all.slice(0, 6), train),
    ...place(all.slice(6, 8), val),
    ...(test !== undefined && place(all.slice(8), test)),
  };
}

/** The seven layouts in which data sets of others were met. */
export function sevenLayouts(all: readonly Shape[]): Readonly<Record<string, Files>> {
  const roboflow = ["train", "valid", "test"] as const;
  const inSplits = (labels: string, form: "xml" | "txt") =>
    bySplit(all, roboflow, (part, split) => placed(part, `${split}/images`, `${split}/${labels}`, form));
  return {
    "XML beside the pictures": placed(all, "set", "set", "xml"),
    "images/ with annots/": placed(all, "set/images", "set/annots", "xml"),
    "images/ with annotations/": placed(all, "set/images", "set/annotations", "xml"),
    "images/ with Annotations/": placed(all, "set/images", "set/Annotations", "xml"),
    "XML beside the pictures, a folder a split": under("set", bySplit(all, roboflow, (part, split) => placed(part, split, split, "xml"))),
    "images/ and annots/ in a folder a split": under("set", inSplits("annots", "xml")),
    "Roboflow's data.yaml with paths of elsewhere": under("set", {
      ...inSplits("labels", "txt"),
      "data.yaml": "path: /home/other/set\ntrain: ../train/images\nval: /content/datasets/set/valid/images\ntest: ../test/images\nnc: 2\nnames: ['blue', 'red']\n",
    }),
  }; // prettier-ignore
}

export function under(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));
}
