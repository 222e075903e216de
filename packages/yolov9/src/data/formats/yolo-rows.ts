/**
 * Rows of YOLO label files, both ways: `class cx cy w h`, a polygon `class x1 y1 x2 y2 x3 y3 …`, or keypoints `class cx cy w h px py v …`,
 * all as fractions of the image. Which of them is decided per row, by the number of its values.
 */

import { MOST_CLASSES } from "../../class-limit.js";
import type { ImageSize } from "../image-files.js";
import type { BoxRow, RowIssue } from "../sample-builder.js";
import { quoted, type Box, type KeypointSet } from "../sample.js";

/** How far beyond 1 a fraction may lie, for labels that were rounded when written. */
const ROUNDING = 1e-3;

/** What one point of a row has: x and y, or x, y and visibility. */
export type RowKeypoints = KeypointSet & { readonly dimensions: 2 | 3 };

const VISIBLE = 2;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** One label row in pixels, or what is wrong with it. */
export function parseRow(line: string, size: ImageSize, keypoints?: RowKeypoints): BoxRow | RowIssue {
  const tokens = line.split(/\s+/);
  const bad = tokens.find((token) => !DECIMAL.test(token));
  if (bad !== undefined) return malformed(`${quoted(bad)} is not a number`);
  const [classIndex, ...values] = tokens.map(Number) as [number, ...number[]];
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= MOST_CLASSES) {
    return malformed(`class ${quoted(tokens[0]!)} is not a whole number from 0 to ${MOST_CLASSES - 1}`);
  }
  const points = keypoints && values.length === 4 + keypoints.count * keypoints.dimensions;
  const outside = (points ? values.slice(0, 4) : values).find((value) => value < 0 || value > 1 + ROUNDING);
  if (outside !== undefined) return malformed(`${outside} is not a fraction of the image (0..1)`);
  if (points) {
    const row = { classIndex, box: boxFromFractions(values, size) };
    const parsed = parsePoints(values.slice(4), keypoints, size);
    return typeof parsed === "string" ? { kind: "keypoints-malformed", reason: parsed } : { ...row, keypoints: parsed };
  }
  if (values.length === 4) return { classIndex, box: boxFromFractions(values, size) };
  if (values.length >= 6 && values.length % 2 === 0) return polygonRow(classIndex, values, size);
  if (values.length === 2) return { kind: "polygon-short", reason: `${tokens.length} values: ${shapes(keypoints)}` };
  return malformed(`${tokens.length} values: ${shapes(keypoints)}`);
}

function malformed(reason: string): RowIssue {
  return { kind: "row-malformed", reason };
}

function shapes(keypoints: RowKeypoints | undefined): string {
  const usual = "a box has 5 (class cx cy w h), a polygon has 1 + 2 for each of its 3 or more points";
  return keypoints ? `${usual}, keypoints have 5 + ${keypoints.count} x ${keypoints.dimensions}` : usual;
}

function boxFromFractions(values: readonly number[], { width, height }: ImageSize): Box {
  const [cx, cy, w, h] = values as [number, number, number, number];
  return [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height];
}

function polygonRow(classIndex: number, values: readonly number[], { width, height }: ImageSize): BoxRow {
  const ring = Float32Array.from(values, (value, i) => value * (i % 2 === 0 ? width : height));
  return { classIndex, box: boundsOf([ring]), rings: [ring] };
}

/** The box around outlines. @param rings each x y … in pixels */
export function boundsOf(rings: readonly Float32Array[]): Box {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      x1 = Math.min(x1, ring[i]!);
      y1 = Math.min(y1, ring[i + 1]!);
      x2 = Math.max(x2, ring[i]!);
      y2 = Math.max(y2, ring[i + 1]!);
    }
  }
  return [x1, y1, x2, y2];
}

/** Points in pixels. Two values a point mean a visible one, except 0 0, with which unlabelled ones are written. */
function parsePoints(values: readonly number[], set: RowKeypoints, size: ImageSize): Float32Array | string {
  const points = new Float32Array(set.count * 3);
  for (let point = 0; point < set.count; point++) {
    const [x, y, v] = values.slice(point * set.dimensions, (point + 1) * set.dimensions) as [number, number, number?];
    const visibility = v ?? (x === 0 && y === 0 ? 0 : VISIBLE);
    if (![0, 1, VISIBLE].includes(visibility)) return `visibility ${visibility} of point ${point} is none of 0, 1, 2`;
    if (visibility > 0 && Math.max(Math.abs(x - 0.5), Math.abs(y - 0.5)) > 1) {
      return `point ${point} at ${x} ${y} is far outside the image (0..1)`;
    }
    points.set(visibility > 0 ? [x * size.width, y * size.height, visibility] : [0, 0, 0], point * 3);
  }
  return points;
}

/** A box as a row. @param box x1 y1 x2 y2 in pixels */
export function boxText(classIndex: number, box: Box, size: ImageSize): string {
  return [classIndex, ...boxFractions(box, size).map(fractionText)].join(" ");
}

function boxFractions([x1, y1, x2, y2]: Box, { width, height }: ImageSize): number[] {
  return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
}

/** A polygon as a row. @param ring x y … in pixels; points outside the image are moved to its edge */
export function polygonText(classIndex: number, ring: ArrayLike<number>, { width, height }: ImageSize): string {
  const inside = (value: number) => Math.min(Math.max(value, 0), 1);
  const values = Array.from(ring, (value, i) => inside(value / (i % 2 === 0 ? width : height)));
  return [classIndex, ...values.map(fractionText)].join(" ");
}

/** A box with its points as a row, three values a point. @param points [K*3] x y in pixels and visibility */
export function keypointsText(classIndex: number, box: Box, points: ArrayLike<number>, size: ImageSize): string {
  const { width, height } = size;
  const values = Array.from(points, (value, i) => {
    if (i % 3 === 2) return String(value);
    return fractionText(value / (i % 3 === 0 ? width : height));
  });
  return [boxText(classIndex, box, size), ...values].join(" ");
}

/** So many decimals tell a 65,536th of a pixel in an image of 65,536. */
const DECIMALS = 9;

function fractionText(value: number): string {
  return String(Number(value.toFixed(DECIMALS)));
}

/** Pairs of points that are compared to find a short bridge; of longer rings only some points are looked at. */
const MOST_PAIRS = 1_000_000;

/**
 * Several rings as one, joined by bridges of no width where they are nearest, since a row holds only one. Covers the same pixels.
 * @param rings each x y … in pixels
 */
export function bridgeRings(rings: readonly Float32Array[]): Float32Array {
  const [first, ...others] = rings;
  let joined = pointsOf(first ?? new Float32Array());
  for (const ring of others) {
    const points = pointsOf(ring);
    const [at, from] = nearestPair(joined, points);
    const around = [...points.slice(from), ...points.slice(0, from + 1)];
    joined = [...joined.slice(0, at + 1), ...around, ...joined.slice(at)];
  }
  return Float32Array.from(joined.flat());
}

function pointsOf(ring: Float32Array): [number, number][] {
  return Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!]);
}

function nearestPair(a: readonly [number, number][], b: readonly [number, number][]): [number, number] {
  let best: [number, number] = [0, 0];
  let least = Infinity;
  const apart = Math.ceil(Math.sqrt((a.length * b.length) / MOST_PAIRS));
  for (let i = 0; i < a.length; i += apart) {
    const [ax, ay] = a[i]!;
    for (let j = 0; j < b.length; j += apart) {
      const [bx, by] = b[j]!;
      const distance = (ax - bx) ** 2 + (ay - by) ** 2;
      if (distance < least) [least, best] = [distance, [i, j]];
    }
  }
  return best;
}
