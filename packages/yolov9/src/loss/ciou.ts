/**
 * Complete IoU (Zheng et al. 2020): overlap, centre distance and aspect ratio in one number. Twice: on tensors with a gradient, for the
 * box loss, and on single boxes in typed arrays, for the assigner, which never needs a gradient. A test holds them equal.
 */
import type { Tensor } from "@yolov9/torch";

const EPSILON = 1e-7;
const ASPECT_FACTOR = 4 / Math.PI ** 2;

/**
 * Complete IoU of matched boxes.
 * @param a [..., 4] x1 y1 x2 y2, any unit
 * @param b [..., 4] in the same unit as `a`; leading dimensions broadcast
 * @returns [...], at most 1; smaller for boxes that are far apart
 */
export function ciou(a: Tensor, b: Tensor): Tensor {
  const [ax1, ay1, ax2, ay2] = corners(a);
  const [bx1, by1, bx2, by2] = corners(b);
  const aw = ax2.sub(ax1);
  const ah = ay2.sub(ay1).add(EPSILON);
  const bw = bx2.sub(bx1);
  const bh = by2.sub(by1).add(EPSILON);

  const inner = ax2.minimum(bx2).sub(ax1.maximum(bx1)).clamp(0);
  const intersection = inner.mul(ay2.minimum(by2).sub(ay1.maximum(by1)).clamp(0));
  const union = aw.mul(ah).add(bw.mul(bh)).sub(intersection).add(EPSILON);
  const overlap = intersection.div(union);

  const enclosingWidth = ax2.maximum(bx2).sub(ax1.minimum(bx1));
  const enclosingHeight = ay2.maximum(by2).sub(ay1.minimum(by1));
  const diagonal = enclosingWidth.square().add(enclosingHeight.square()).add(EPSILON);
  const shiftX = bx1.add(bx2).sub(ax1).sub(ax2);
  const shiftY = by1.add(by2).sub(ay1).sub(ay2);
  const distance = shiftX.square().add(shiftY.square()).div(4);

  const aspect = bw.div(bh).atan().sub(aw.div(ah).atan()).square().mul(ASPECT_FACTOR);
  // The weight of the aspect term is a constant for the gradient, as in the paper.
  const weight = aspect.detach().div(
    aspect
      .detach()
      .sub(overlap.detach())
      .add(1 + EPSILON),
  );
  return overlap.sub(distance.div(diagonal).add(aspect.mul(weight)));
}

function corners(boxes: Tensor): [Tensor, Tensor, Tensor, Tensor] {
  const [x1, y1, x2, y2] = boxes.unbind(-1);
  if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) {
    throw new Error(`ciou: boxes must be [..., 4], got [${boxes.shape.join(", ")}]`);
  }
  return [x1, y1, x2, y2];
}

/**
 * The overlap that counts, max(0, Complete IoU), of box `i` of `a` and box `j` of `b`, both flat [n * 4] x1 y1 x2 y2 in one unit.
 */
export function positiveCiou(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const ax1 = a[4 * i]!;
  const ay1 = a[4 * i + 1]!;
  const ax2 = a[4 * i + 2]!;
  const ay2 = a[4 * i + 3]!;
  const bx1 = b[4 * j]!;
  const by1 = b[4 * j + 1]!;
  const bx2 = b[4 * j + 2]!;
  const by2 = b[4 * j + 3]!;
  const aw = ax2 - ax1;
  const ah = ay2 - ay1 + EPSILON;
  const bw = bx2 - bx1;
  const bh = by2 - by1 + EPSILON;

  const intersection =
    Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  const overlap = intersection / (aw * ah + bw * bh - intersection + EPSILON);

  const enclosingWidth = Math.max(ax2, bx2) - Math.min(ax1, bx1);
  const enclosingHeight = Math.max(ay2, by2) - Math.min(ay1, by1);
  const diagonal = enclosingWidth * enclosingWidth + enclosingHeight * enclosingHeight + EPSILON;
  const shiftX = bx1 + bx2 - ax1 - ax2;
  const shiftY = by1 + by2 - ay1 - ay2;
  const distance = (shiftX * shiftX + shiftY * shiftY) / 4;

  // The aspect term only takes away.
  const overlapAndDistance = overlap - distance / diagonal;
  if (overlapAndDistance <= 0) return 0;
  // atan(bw/bh) - atan(aw/ah) as one arc tangent; sides are not negative, so the difference stays within a quarter turn.
  const angle = Math.atan((bw * ah - aw * bh) / (bh * ah + bw * aw));
  const aspect = ASPECT_FACTOR * angle * angle;
  const weight = aspect / (aspect - overlap + 1 + EPSILON);
  return Math.max(0, overlapAndDistance - aspect * weight);
}
