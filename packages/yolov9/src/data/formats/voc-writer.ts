/** Writes a data set as Pascal VOC: Annotations/, ImageSets/Main/ and a data.yaml that keeps the order of the classes. */

import { basename, extname, join } from "node:path";

import { stringify } from "yaml";

import type { DatasetTarget } from "../dataset-target.js";
import { printable } from "../../printable.js";
import { boxOf, SPLIT_NAMES, type Dataset, type Sample } from "../sample.js";
import { DECIMALS, UNSAID } from "./voc-annotation.js";
import { xmlText, type XmlContent } from "./xml-text.js";

export async function writeVoc(dataset: Dataset, target: DatasetTarget): Promise<void> {
  target.loseIds(dataset);
  const { splits, categoryIds } = dataset;
  const names = dataset.names.map(printable);
  target.lose(
    "names with control characters (which XML forbids)",
    names.filter((name, i) => name !== dataset.names[i]).length,
  );
  if (categoryIds?.some((id, index) => id !== index + 1)) target.lose("category ids (classes are named)", names.length);
  for (const split of SPLIT_NAMES) {
    if (!splits[split]) continue;
    const stems: string[] = [];
    for (const sample of splits[split]) {
      const image = target.image(sample, "JPEGImages");
      const stem = basename(image, extname(image));
      stems.push(stem);
      await target.text(join("Annotations", `${stem}.xml`), xmlText(annotationOf(sample, image, names, target)));
    }
    await target.text(join("ImageSets", "Main", `${split}.txt`), stems.map((stem) => `${stem}\n`).join(""));
  }
  // Without it, classes would come back in the order of their names.
  const lists = SPLIT_NAMES.filter((split) => splits[split]).map((split) => [split, `ImageSets/Main/${split}.txt`]);
  await target.text("data.yaml", stringify({ format: "voc", ...Object.fromEntries(lists), names }));
}

function annotationOf(sample: Sample, image: string, names: readonly string[], target: DatasetTarget): XmlContent {
  const { width, height, classes, crowd, polygons, masks, attributes } = sample;
  target.loseKeypoints(sample);
  const object = Array.from(classes, (classIndex, row) => {
    if (polygons?.[row]?.length) target.lose("polygons (boxes are kept)");
    if (masks?.[row]) target.lose("run-length masks (boxes are kept)");
    const [xmin, ymin, xmax, ymax] = boxOf(sample, row).map((value) => Number(value.toFixed(DECIMALS)));
    const said = { ...UNSAID, ...attributes?.[row] };
    const unknown = Object.keys(said).filter((key) => !(key in UNSAID));
    target.lose("attributes of objects", unknown.length);
    const { pose, truncated, occluded } = said;
    const facts = { pose, truncated, occluded, difficult: crowd[row]! };
    return { name: names[classIndex]!, ...facts, bndbox: { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! } };
  });
  const size = { width, height, depth: 3 };
  return { annotation: { folder: "JPEGImages", filename: image, size, segmented: 0, object } };
}
