/** Writes a data set as COCO: annotations/instances_<split>.json. */

import { join } from "node:path";

import type { DatasetTarget } from "../dataset-target.js";
import { boxOf, SPLIT_NAMES, type Dataset, type Sample } from "../sample.js";
import { rounded } from "./coco-file.js";

export async function writeCoco(dataset: Dataset, target: DatasetTarget): Promise<void> {
  const { names, categoryIds, keypoints, splits } = dataset;
  const idOf = (classIndex: number) => categoryIds?.[classIndex] ?? classIndex + 1;
  const categories = names.map((name, index) => ({
    id: idOf(index),
    name,
    ...(keypoints && { keypoints: keypoints.names ?? numberedPoints(keypoints.count), skeleton: [] }),
  }));
  let annotationId = 0;
  const keepsIds = idsAreUsable(dataset);
  let imageId = 0;
  for (const split of SPLIT_NAMES) {
    if (!splits[split]) continue;
    const images: unknown[] = [];
    const annotations: unknown[] = [];
    for (const sample of splits[split]) {
      const id = keepsIds ? sample.id : ++imageId;
      const { width, height } = sample;
      images.push({ id, file_name: target.image(sample, split), width, height });
      for (let row = 0; row < sample.classes.length; row++) {
        annotations.push({ id: ++annotationId, image_id: id, ...annotationOf(sample, row, idOf) });
      }
    }
    const content = { info: { description: "written by yolov9" }, licenses: [], images, annotations, categories };
    await target.text(join("annotations", `instances_${split}.json`), `${JSON.stringify(content)}\n`);
  }
}

/** Images keep their ids where all are different numbers. */
function idsAreUsable({ splits }: Dataset): boolean {
  const ids = SPLIT_NAMES.flatMap((split) => (splits[split] ?? []).map((sample) => sample.id));
  return ids.every((id) => typeof id === "number") && new Set(ids).size === ids.length;
}

function numberedPoints(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `point${index}`);
}

function annotationOf(sample: Sample, row: number, idOf: (classIndex: number) => number): object {
  const [x1, y1, x2, y2] = boxOf(sample, row);
  const rings = sample.polygons?.[row] ?? [];
  const mask = sample.masks?.[row];
  const attributes = sample.attributes?.[row];
  return {
    category_id: idOf(sample.classes[row]!),
    bbox: [x1, y1, x2 - x1, y2 - y1].map(rounded),
    area: rounded(sample.areas[row]!),
    iscrowd: sample.crowd[row],
    segmentation: mask ?? rings.map((ring) => Array.from(ring, rounded)),
    ...keypointsOf(sample, row),
    ...(attributes && { attributes }),
  };
}

function keypointsOf({ keypoints, classes }: Sample, row: number): object {
  if (!keypoints) return {};
  const stride = keypoints.length / classes.length;
  const points = Array.from(keypoints.subarray(row * stride, (row + 1) * stride), rounded);
  return { keypoints: points, num_keypoints: points.filter((value, i) => i % 3 === 2 && value > 0).length };
}
