/**
 * What becomes of annotations under the random affine map: outlines are moved, cut at the canvas and at the output, and dropped when too
 * little is left. A row without outline counts as its box's four corners. The new box spans what is visible of the outline, which
 * is tighter than a cut box when objects are cut or turned.
 */

import type { AnnotatedRows } from "../sample-table.js";
import { edgeMatrix, type Affine } from "./affine.js";

/** Boxes that are being gathered for one training image: five numbers a row, class x1 y1 x2 y2, in output pixels. */
export type BoxList = number[];

export interface BoxMove {
  /** From source pixels to the canvas; scale and shift only. */
  readonly toCanvas: Affine;
  readonly canvasSize: number;
  /** From canvas to output, in the pixels' convention. */
  readonly matrix: Affine;
  /** Scale of `matrix`; what is left of a box is compared with its scaled area. */
  readonly scale: number;
  readonly outputSize: number;
}

/** Shares of the area that must be left: the published recipe's. Outlines are exact, so that less of them is enough. */
const MIN_BOX_AREA_RATIO = 0.1;
const MIN_OUTLINE_AREA_RATIO = 0.01;

export function moveBoxes(list: BoxList, { boxes, classes, polygons }: AnnotatedRows, move: BoxMove): void {
  const { toCanvas, canvasSize, scale, outputSize } = move;
  const toOutput = edgeMatrix(move.matrix);
  for (let row = 0; row < classes.length; row++) {
    const outlined = polygons[row]!.length > 0;
    const rings = outlined ? polygons[row]! : [cornersOf(boxes, row)];
    const onCanvas = rings.map((ring) => clipToSquare(movePoints(ring, toCanvas), canvasSize));
    const whole = boundsOf(onCanvas);
    const visible = boundsOf(onCanvas.map((ring) => clipToSquare(movePoints(ring, toOutput), outputSize)));
    if (!whole || !visible) continue;
    const wholeArea = areaOf(whole) * scale * scale;
    const ratio = outlined ? MIN_OUTLINE_AREA_RATIO : MIN_BOX_AREA_RATIO;
    if (isLearnable(visible) && areaOf(visible) > ratio * wholeArea) list.push(classes[row]!, ...visible);
  }
}

type Bounds = readonly [left: number, top: number, right: number, bottom: number];

/** Limits of the published recipe: more than 2 px wide and high, and less than 100 times as long as thin. */
const MIN_SIDE = 2;
const MAX_ASPECT = 100;

function isLearnable([left, top, right, bottom]: Bounds): boolean {
  const width = right - left;
  const height = bottom - top;
  return width > MIN_SIDE && height > MIN_SIDE && Math.max(width / height, height / width) < MAX_ASPECT;
}

function areaOf([left, top, right, bottom]: Bounds): number {
  return (right - left) * (bottom - top);
}

function cornersOf(boxes: Float32Array, row: number): number[] {
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => boxes[row * 4 + i]!) as [number, number, number, number];
  return [x1, y1, x2, y1, x2, y2, x1, y2];
}

function movePoints(points: ArrayLike<number>, [a, b, c, d, e, f]: Affine): number[] {
  const moved: number[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i]!;
    const y = points[i + 1]!;
    moved.push(a * x + b * y + c, d * x + e * y + f);
  }
  return moved;
}

/** Smallest box around all points, or undefined when there are none. */
function boundsOf(rings: readonly (readonly number[])[]): Bounds | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      left = Math.min(left, ring[i]!);
      right = Math.max(right, ring[i]!);
      top = Math.min(top, ring[i + 1]!);
      bottom = Math.max(bottom, ring[i + 1]!);
    }
  }
  return right > left && bottom > top ? [left, top, right, bottom] : undefined;
}

/** The part of a polygon within 0 … size on both axes: one side of the square after the other (Sutherland and Hodgman 1974). */
function clipToSquare(ring: number[], size: number): number[] {
  let clipped = ring;
  for (const axis of [0, 1] as const) {
    clipped = clipBelow(clipped, axis, size, 1);
    clipped = clipBelow(clipped, axis, 0, -1);
  }
  return clipped;
}

/** The part of a polygon where sign * coordinate <= sign * limit. */
function clipBelow(ring: number[], axis: 0 | 1, limit: number, sign: 1 | -1): number[] {
  let outside = false;
  for (let i = axis; i < ring.length; i += 2) outside ||= sign * (ring[i]! - limit) > 0;
  if (!outside) return ring;
  const clipped: number[] = [];
  let [lastX, lastY] = [ring.at(-2)!, ring.at(-1)!];
  let lastExcess = sign * ((axis === 0 ? lastX : lastY) - limit);
  for (let i = 0; i < ring.length; i += 2) {
    const x = ring[i]!;
    const y = ring[i + 1]!;
    const excess = sign * ((axis === 0 ? x : y) - limit);
    if (excess > 0 !== lastExcess > 0) {
      const share = lastExcess / (lastExcess - excess);
      clipped.push(lastX + (x - lastX) * share, lastY + (y - lastY) * share);
    }
    if (excess <= 0) clipped.push(x, y);
    [lastX, lastY, lastExcess] = [x, y, excess];
  }
  return clipped;
}
