/** Writes a data set in YOLO's layout: `images/<split>`, `labels/<split>` and data.yaml. */

import { basename, extname, join } from "node:path";

import { stringify } from "yaml";

import type { DatasetTarget } from "../dataset-target.js";
import { clipped } from "../sample-builder.js";
import { boxOf, SPLIT_NAMES, type Box, type Dataset, type Sample } from "../sample.js";
import { boundsOf, boxText, bridgeRings, keypointsText, polygonText } from "./yolo-rows.js";

export async function writeYolo(dataset: Dataset, target: DatasetTarget): Promise<void> {
  target.loseIds(dataset);
  const { names, keypoints, categoryIds, splits } = dataset;
  for (const split of SPLIT_NAMES) {
    for (const sample of splits[split] ?? []) {
      const image = target.image(sample, join("images", split));
      const stem = basename(image, extname(image));
      const rows = rowTexts(sample, target);
      await target.text(join("labels", split, `${stem}.txt`), rows.map((row) => `${row}\n`).join(""));
    }
  }
  const present = SPLIT_NAMES.filter((split) => splits[split]);
  const description = {
    path: ".",
    ...Object.fromEntries(present.map((split) => [split, `images/${split}`])),
    names: new Map(names.entries()),
    ...(categoryIds && { category_ids: categoryIds }),
    ...(keypoints && { kpt_shape: [keypoints.count, 3] }),
    ...(keypoints?.names && { kpt_names: keypoints.names }),
    ...(keypoints?.flip && { flip_idx: keypoints.flip }),
  };
  await target.text("data.yaml", stringify(description));
}

function rowTexts(sample: Sample, target: DatasetTarget): string[] {
  const texts: string[] = [];
  const pointStride = sample.keypoints ? sample.keypoints.length / sample.classes.length : 0;
  sample.classes.forEach((classIndex, row) => {
    if (sample.crowd[row] !== 0) {
      target.lose("crowd regions or difficult objects (left out: a row cannot mark them)");
      return;
    }
    const box = boxOf(sample, row);
    const cut = clipped(box, sample);
    if (cut.some((value, i) => Math.abs(value - box[i]!) > 1e-3)) target.lose("parts of boxes beyond the image's edge");
    if (sample.masks?.[row]) target.lose("run-length masks (boxes are kept)");
    if (sample.attributes?.[row]) target.lose("attributes of objects");
    const rings = sample.polygons?.[row] ?? [];
    const points = sample.keypoints?.subarray(row * pointStride, (row + 1) * pointStride);
    texts.push(rowText(classIndex, cut, rings, points, sample, target));
  });
  return texts;
}

function rowText(
  classIndex: number,
  box: Box,
  rings: readonly Float32Array[],
  points: Float32Array | undefined,
  sample: Sample,
  target: DatasetTarget,
): string {
  if (points) {
    if (rings.length > 0) target.lose("polygons of objects with keypoints");
    return keypointsText(classIndex, box, points, sample);
  }
  if (rings.length === 0) return boxText(classIndex, box, sample);
  if (rings.length > 1) target.lose("polygons of several rings (joined by bridges without width)");
  if (!spans(rings, box)) target.lose("boxes other than their polygon's bounds");
  return polygonText(classIndex, bridgeRings(rings), sample);
}

/** Whether a box is the bounds of its polygons, to a pixel. */
function spans(rings: readonly Float32Array[], [x1, y1, x2, y2]: Box): boolean {
  const [left, top, right, bottom] = boundsOf(rings);
  return [left - x1, top - y1, right - x2, bottom - y2].every((difference) => Math.abs(difference) <= 1);
}
