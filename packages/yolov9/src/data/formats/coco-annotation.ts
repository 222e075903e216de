/** One annotation of a COCO file as a row of a sample, with what is wrong about its mask or points, which are then left out. */

import { z } from "zod";

import type { BoxRow, RowIssue } from "../sample-builder.js";
import type { Attributes, KeypointSet } from "../sample.js";
import type { CocoAnnotation } from "./coco-file.js";

const ringsSchema = z.array(z.array(z.number()));

const runLengthsSchema = z.object({
  size: z.tuple([z.int().positive(), z.int().positive()]),
  counts: z.union([z.string(), z.array(z.int().min(0))]),
});

export function toRow(
  { bbox: [x, y, w, h], area, iscrowd, segmentation, keypoints, attributes }: CocoAnnotation,
  classIndex: number,
  points: KeypointSet | undefined,
): { row: BoxRow; issues: RowIssue[] } {
  const issues: RowIssue[] = [];
  const row = {
    box: [x, y, x + w, y + h] as const,
    classIndex,
    crowd: Boolean(iscrowd),
    ...(area !== undefined && { area }),
    ...maskOf(segmentation, issues),
    ...pointsOf(keypoints, points, issues),
    ...attributesOf(attributes),
  };
  return { row, issues };
}

function maskOf(segmentation: unknown, issues: RowIssue[]): Pick<BoxRow, "rings" | "mask"> {
  if (segmentation === undefined || segmentation === null) return {};
  const rings = ringsSchema.safeParse(segmentation);
  if (rings.success) {
    const whole = rings.data.filter((ring) => ring.length >= 6 && ring.length % 2 === 0);
    const short = rings.data.length - whole.length;
    if (short > 0) {
      issues.push({ kind: "polygon-short", reason: `${short} of its polygons have fewer than 3 points; left out` });
    }
    return { rings: whole.map((ring) => Float32Array.from(ring)) };
  }
  const runs = runLengthsSchema.safeParse(segmentation);
  if (runs.success) return { mask: runs.data };
  issues.push({ kind: "mask-malformed", reason: "its segmentation is neither polygons nor run lengths; left out" });
  return {};
}

function pointsOf(
  keypoints: readonly number[] | undefined,
  set: KeypointSet | undefined,
  issues: RowIssue[],
): Pick<BoxRow, "keypoints"> {
  if (keypoints === undefined || set === undefined || keypoints.length === 0) return {};
  if (keypoints.length % 3 !== 0 || keypoints.length > set.count * 3) {
    const reason = `${keypoints.length} keypoint values, but its category has ${set.count} points of 3; left out`;
    issues.push({ kind: "keypoints-malformed", reason });
    return {};
  }
  const points = new Float32Array(set.count * 3);
  points.set(keypoints);
  return { keypoints: points };
}

function attributesOf(attributes: Readonly<Record<string, unknown>> | undefined): Pick<BoxRow, "attributes"> {
  const plain = z.union([z.string(), z.number(), z.boolean()]);
  const kept = Object.entries(attributes ?? {}).flatMap(([key, value]) => {
    const result = plain.safeParse(value);
    return result.success ? [[key, result.data] as const] : [];
  });
  return kept.length > 0 ? { attributes: Object.fromEntries(kept) satisfies Attributes } : {};
}
