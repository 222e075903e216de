/**
 * Boxes on flat arrays: `[n * 4]`, row-major, one box after the other. Conversions between the two formats of this project
 * (corners `x1 y1 x2 y2` and centres `cx cy w h`, both in any one unit) and overlap. No box object exists: a row is an index.
 */

/** Corners from centres. @param boxes [n*4] cx cy w h. @returns [n*4] x1 y1 x2 y2 in the same unit */
export function cxcywhToXyxy(boxes: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const corners = new Float32Array(boxes.length);
  for (let i = 0; i + 3 < boxes.length; i += 4) {
    const halfWidth = boxes[i + 2]! / 2;
    const halfHeight = boxes[i + 3]! / 2;
    corners[i] = boxes[i]! - halfWidth;
    corners[i + 1] = boxes[i + 1]! - halfHeight;
    corners[i + 2] = boxes[i]! + halfWidth;
    corners[i + 3] = boxes[i + 1]! + halfHeight;
  }
  return corners;
}

/** Centres from corners. @param boxes [n*4] x1 y1 x2 y2. @returns [n*4] cx cy w h in the same unit */
export function xyxyToCxcywh(boxes: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const centres = new Float32Array(boxes.length);
  for (let i = 0; i + 3 < boxes.length; i += 4) {
    centres[i] = (boxes[i]! + boxes[i + 2]!) / 2;
    centres[i + 1] = (boxes[i + 1]! + boxes[i + 3]!) / 2;
    centres[i + 2] = boxes[i + 2]! - boxes[i]!;
    centres[i + 3] = boxes[i + 3]! - boxes[i + 1]!;
  }
  return centres;
}

/** Area of row `i` of boxes [n*4] x1 y1 x2 y2; a box turned inside out has area 0. */
export function boxArea(boxes: ArrayLike<number>, i: number): number {
  const width = boxes[i * 4 + 2]! - boxes[i * 4]!;
  const height = boxes[i * 4 + 3]! - boxes[i * 4 + 1]!;
  return width > 0 && height > 0 ? width * height : 0;
}

/** Shared area of row `i` of `a` and row `j` of `b`, both [n*4] x1 y1 x2 y2 in one unit. */
export function boxIntersection(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const width = Math.min(a[i * 4 + 2]!, b[j * 4 + 2]!) - Math.max(a[i * 4]!, b[j * 4]!);
  if (!(width > 0)) return 0;
  const height = Math.min(a[i * 4 + 3]!, b[j * 4 + 3]!) - Math.max(a[i * 4 + 1]!, b[j * 4 + 1]!);
  return height > 0 ? width * height : 0;
}

/** Intersection over union of row `i` of `a` and row `j` of `b`, 0 … 1; two boxes without area give 0. */
export function boxIou(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const intersection = boxIntersection(a, i, b, j);
  return intersection > 0 ? intersection / (boxArea(a, i) + boxArea(b, j) - intersection) : 0;
}

/** Every IoU between two sets. @param a [na*4] xyxy. @param b [nb*4] xyxy. @returns [na*nb], row-major: row i is box i of `a` */
export function pairwiseIou(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const na = a.length >> 2;
  const nb = b.length >> 2;
  const ious = new Float64Array(na * nb);
  for (let i = 0; i < na; i++) {
    for (let j = 0; j < nb; j++) ious[i * nb + j] = boxIou(a, i, b, j);
  }
  return ious;
}
