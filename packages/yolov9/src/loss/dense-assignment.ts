/**
 * The task-aligned assigner (task-aligned-assigner.ts) as operations on whole tensors, every object with every anchor: more arithmetic,
 * but nothing that the program would have to wait for, which is what counts on a GPU. A test holds the two equal; only what claims an anchor
 * with metric zero, which has no weight in a loss, is left out of conflicts here.
 *
 * Notation: B images, G rows of objects an image, A anchors, C classes.
 */
import { arange, cat, full, noGrad, stack, where } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { INSIDE_MARGIN, type AnchorGrid } from "./anchor-grid.js";
import { ciou } from "./ciou.js";
import type { FlatPredictions } from "./predictions.js";
import { METRIC_EPSILON, type TaskAlignedAssigner } from "./task-aligned-assigner.js";

/** What every anchor learns. */
export interface DenseAssignment {
  /** [B, A] target score of the anchor's object, 0 where it learns background. */
  readonly scores: Tensor;
  /** [B, A] int64, class of its object. */
  readonly classes: Tensor;
  /** [B, A, 4] x1 y1 x2 y2 of its object in cells of the anchor's level; any box where it learns background. */
  readonly boxes: Tensor;
  /** [A, 2] x y of the anchors in cells. */
  readonly anchors: Tensor;
}

/** @param objects [B, G, 5] from `denseTargets` */
export function assignDensely(
  predictions: FlatPredictions,
  objects: Tensor,
  assigner: TaskAlignedAssigner,
): DenseAssignment {
  return noGrad(() => {
    const { distances, grid } = predictions;
    const { centres, strides } = anchorsOf(grid, objects.device);
    const anchors = centres.div(strides);
    const decoded = boxesFromDistances(anchors, distances).mul(strides);

    const labels = objects.select(2, 0).to({ dtype: "int64" });
    const corners = objects.narrow(2, 1, 4);
    const isObject = corners.sum([2]).gt(0).unsqueeze(2);
    const overlaps = ciou(corners.unsqueeze(2), decoded.unsqueeze(1)).clamp(0).mul(isObject);
    const metrics = qualities(predictions, labels).pow(assigner.alpha).mul(overlaps.pow(assigner.beta));

    const claims = claimsOf(metrics.mul(insideBoxes(centres, corners)), Math.min(assigner.topk, grid.count));
    const claimants = claims.sum([1]);
    const owners = where(claimants.gt(1), overlaps.argmax(1), claims.argmax(1));
    const learns = claimants.gt(0);
    return {
      scores: targetScores(metrics, overlaps, owners, learns),
      classes: labels.gather(1, owners),
      boxes: objectBoxes(corners, owners, learns, strides, anchors),
      anchors,
    };
  });
}

/** [..., A, 4] x1 y1 x2 y2 from distances to left, top, right and bottom, all in one unit. */
export function boxesFromDistances(anchors: Tensor, distances: Tensor): Tensor {
  return cat([anchors.sub(distances.narrow(-1, 0, 2)), anchors.add(distances.narrow(-1, 2, 2))], -1);
}

/** Centres [A, 2] in pixels and strides [A, 1] of a grid's anchors, made on the device. */
function anchorsOf(grid: AnchorGrid, device: string): { centres: Tensor; strides: Tensor } {
  const levels = grid.levels.map(({ width, height, stride }) => {
    const along = (count: number) => arange(count, { device, dtype: "float32" }).add(0.5).mul(stride);
    const x = along(width).unsqueeze(0).expand([height, width]);
    const y = along(height).unsqueeze(1).expand([height, width]);
    return { centres: stack([x, y], 2).view([-1, 2]), strides: full([width * height, 1], stride, { device, dtype: "float32" }) }; // prettier-ignore
  });
  return { centres: cat(levels.map((each) => each.centres)), strides: cat(levels.map((each) => each.strides)) };
}

/** [B, G, A] how sure the head is of the object's class at every anchor. */
function qualities({ classes, objectness }: FlatPredictions, labels: Tensor): Tensor {
  const [batch, anchors] = classes.shape;
  const ofClass = labels.unsqueeze(2).expand([batch!, labels.shape[1]!, anchors!]);
  const scores = classes.detach().sigmoid().transpose(1, 2).gather(1, ofClass);
  return objectness === undefined ? scores : scores.mul(objectness.detach().sigmoid().transpose(1, 2));
}

/** [B, G, A] whether the anchor's centre lies inside the box. */
function insideBoxes(centres: Tensor, corners: Tensor): Tensor {
  const [first, last] = [corners.narrow(2, 0, 2).unsqueeze(2), corners.narrow(2, 2, 2).unsqueeze(2)];
  return centres
    .sub(first)
    .amin([3])
    .minimum(last.sub(centres).amin([3]))
    .gt(INSIDE_MARGIN);
}

/** [B, G, A] 1 where an object claims an anchor: those of its largest metrics that are not zero. */
function claimsOf(metrics: Tensor, topk: number): Tensor {
  const [largest, anchors] = metrics.topk(topk, 2);
  return metrics.zeros_like().scatter(2, anchors, largest.gt(0).to({ dtype: metrics.dtype }));
}

/** [B, A] metrics scaled so that each object's largest becomes its largest overlap. */
function targetScores(metrics: Tensor, overlaps: Tensor, owners: Tensor, learns: Tensor): Tensor {
  const ofOwner = owners.unsqueeze(1);
  const rows = arange(metrics.shape[1]!, { device: owners.device, dtype: "int64" }).view([1, -1, 1]);
  const given = ofOwner.eq(rows).mul(learns.unsqueeze(1));
  const largest = (values: Tensor) => values.mul(given).amax([2]).gather(1, owners);
  const metric = metrics.gather(1, ofOwner).squeeze(1);
  const scores = metric.mul(largest(overlaps)).div(largest(metrics).add(METRIC_EPSILON));
  return scores.mul(learns);
}

/** Boxes of the anchors' objects in cells; around the anchor itself where it has none, so that nothing computed of it is no number. */
function objectBoxes(corners: Tensor, owners: Tensor, learns: Tensor, strides: Tensor, anchors: Tensor): Tensor {
  const owned = corners.gather(1, owners.unsqueeze(2).expand([...owners.shape, 4])).div(strides);
  return where(learns.unsqueeze(2), owned, cat([anchors.sub(0.5), anchors.add(0.5)], 1));
}
