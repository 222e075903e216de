/**
 * What becomes of annotations under an image's geometry. Everything is points: an outline, or the four corners of a row that is only a
 * box, and keypoints. They are laid on the canvas, cut at what is seen of their picture, moved to the output, cut there, and dropped when
 * too little is left. The new box spans what is visible of the outline, which is tighter than a cut box when objects are cut or turned.
 */

import type { AnnotatedRows } from "../sample-table.js";
import { boundsOf, clipBelow, clipToRectangle, rectangleArea, type Rectangle, type Ring } from "./clip-ring.js";
import { isAffine, type Homography } from "./homography.js";

/** An annotation on a canvas or in an image, in pixel edges. */
export interface MovedRow {
  readonly classIndex: number;
  readonly box: Rectangle;
  /** Empty for a row that is only a box. */
  readonly outline: readonly Ring[];
  /** [K*3] x y visibility; empty where the data has none. */
  readonly keypoints: readonly number[];
}

/** Where a picture lies on the canvas. */
export interface Placement {
  /** Canvas pixels a source pixel, and the picture's first canvas pixel. */
  readonly scaleX: number;
  readonly scaleY: number;
  readonly originX: number;
  readonly originY: number;
  /** What is seen of the picture. */
  readonly visible: Rectangle;
}

/** Lays the annotations of one picture on the canvas. Rows of which nothing is seen are left out. */
export function rowsOnCanvas(
  rows: AnnotatedRows,
  { scaleX, scaleY, originX, originY, visible }: Placement,
): MovedRow[] {
  const moved: MovedRow[] = [];
  const place = (points: ArrayLike<number>) =>
    Array.from(points, (value, i) => (i % 2 === 0 ? value * scaleX + originX : value * scaleY + originY));
  for (let row = 0; row < rows.classes.length; row++) {
    const rings = rows.polygons[row]!;
    const shape = rings.length > 0 ? rings.map(place) : [place(cornersOf(rows.boxes, row))];
    const cut = shape.map((ring) => clipToRectangle(ring, visible)).filter((ring) => ring.length > 0);
    const box = boundsOf(cut);
    if (!box) continue;
    const outline = rings.length > 0 ? cut : [];
    const keypoints = keypointsOf(rows, row);
    moved.push({
      classIndex: rows.classes[row]!,
      box,
      outline,
      keypoints: mapKeypoints(keypoints, visible, (x, y) => [x * scaleX + originX, y * scaleY + originY]),
    });
  }
  return moved;
}

/** From canvas to output. */
export interface Move {
  /** For edges. */
  readonly map: Homography;
  /** Scale of `map`; what is left of a box is compared with its scaled area. */
  readonly scale: number;
  readonly width: number;
  readonly height: number;
  /** The order of keypoints in a mirror image, when the map mirrors. */
  readonly keypointOrder?: readonly number[];
}

/** Shares of the area that must be left: the published recipe's. Outlines are exact, so that less of them is enough. */
const MIN_BOX_AREA_RATIO = 0.1;
const MIN_OUTLINE_AREA_RATIO = 0.01;

/** The row as it is in the output, or undefined when too little of it is left to be learned. */
export function moveRow(row: MovedRow, { map, scale, width, height, keypointOrder }: Move): MovedRow | undefined {
  const frame = { left: 0, top: 0, right: width, bottom: height };
  const outlined = row.outline.length > 0;
  const shape = outlined ? row.outline : [cornersOfBox(row.box)];
  const seen = shape.map((ring) => clipToRectangle(mapRing(ring, map), frame)).filter((ring) => ring.length > 0);
  const box = boundsOf(seen);
  if (!box || !isLearnable(box)) return undefined;
  const wholeArea = rectangleArea(row.box) * scale * scale;
  if (rectangleArea(box) <= (outlined ? MIN_OUTLINE_AREA_RATIO : MIN_BOX_AREA_RATIO) * wholeArea) return undefined;
  const keypoints = mapKeypoints(row.keypoints, frame, (x, y) => mapPoint(x, y, map));
  return {
    classIndex: row.classIndex,
    box,
    outline: outlined ? seen : [],
    keypoints: keypointOrder ? reordered(keypoints, keypointOrder) : keypoints,
  };
}

/** Limits of the published recipe: more than 2 px wide and high, and less than 100 times as long as thin. */
const MIN_SIDE = 2;
const MAX_ASPECT = 100;

function isLearnable({ left, top, right, bottom }: Rectangle): boolean {
  const width = right - left;
  const height = bottom - top;
  return width > MIN_SIDE && height > MIN_SIDE && Math.max(width / height, height / width) < MAX_ASPECT;
}

function cornersOf(boxes: Float32Array, row: number): number[] {
  const at = row * 4;
  return cornersOfBox({ left: boxes[at]!, top: boxes[at + 1]!, right: boxes[at + 2]!, bottom: boxes[at + 3]! });
}

export function cornersOfBox({ left, top, right, bottom }: Rectangle): number[] {
  return [left, top, right, top, right, bottom, left, bottom];
}

/** Points nearer to the horizon of a perspective map than this (as a divisor) are cut off before they are moved. */
const HORIZON = 0.05;

export function mapRing(ring: Ring, map: Homography): number[] {
  const [, , , , , , g, h, i] = map;
  const before = isAffine(map) ? ring : clipBelow(ring, -g, -h, i - HORIZON);
  const moved: number[] = [];
  for (let at = 0; at < before.length; at += 2) moved.push(...mapPoint(before[at]!, before[at + 1]!, map));
  return moved;
}

/** NaN where the point lies behind the horizon. */
function mapPoint(x: number, y: number, [a, b, c, d, e, f, g, h, i]: Homography): readonly [number, number] {
  const divisor = g * x + h * y + i;
  return divisor < HORIZON / 2 ? [NaN, NaN] : [(a * x + b * y + c) / divisor, (d * x + e * y + f) / divisor];
}

/** Numbers a keypoint. */
const KEYPOINT = 3;

/** Points that leave `frame`, or were not labelled, become 0 0 0. */
function mapKeypoints(
  points: ArrayLike<number>,
  { left, top, right, bottom }: Rectangle,
  map: (x: number, y: number) => readonly [number, number],
): number[] {
  const moved = new Array<number>(points.length).fill(0);
  for (let i = 0; i < points.length; i += KEYPOINT) {
    const visibility = points[i + 2]!;
    const [x, y] = map(points[i]!, points[i + 1]!);
    if (!(visibility > 0 && x >= left && x <= right && y >= top && y <= bottom)) continue;
    moved[i] = x;
    moved[i + 1] = y;
    moved[i + 2] = visibility;
  }
  return moved;
}

function keypointsOf({ keypoints, classes }: AnnotatedRows, row: number): Float32Array {
  const each = keypoints.length / classes.length;
  return keypoints.subarray(row * each, (row + 1) * each);
}

function reordered(keypoints: readonly number[], order: readonly number[]): number[] {
  return order.flatMap((from) => keypoints.slice(from * KEYPOINT, (from + 1) * KEYPOINT));
}
