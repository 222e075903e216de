/**
 * The anchors of a batch that learn objects, as an assigner chooses them from one head's predictions, without a gradient. Another
 * head may learn the same: the choice says nothing of the head that it was made from.
 */
import type { TypedArray } from "@yolov9/torch";
import type { AnchorGrid } from "./anchor-grid.js";
import type { FlatPredictions, HeadShape } from "./predictions.js";
import type { Assignment, ImageObjects, TaskAlignedAssigner } from "./task-aligned-assigner.js";

/** The assigned anchors of all images, as parallel lists of length F. */
export interface Foreground {
  /** Row of the anchor among the B * A of the batch. */
  readonly rows: Int32Array;
  /** Class of its object. */
  readonly classes: Int32Array;
  readonly scores: Float64Array;
  /** [F, 4] x y x y of the anchor in cells. */
  readonly anchors: Float32Array;
  /** [F, 4] x1 y1 x2 y2 of the object in cells of the anchor's level. */
  readonly boxes: Float32Array;
}

/** Runs the assigner on every image. @param objects what each of the B images contains */
export function assignAnchors(
  predictions: FlatPredictions,
  objects: readonly ImageObjects[],
  assigner: TaskAlignedAssigner,
  { classCount }: HeadShape,
): Foreground {
  if (objects.every(({ classes: labels }) => labels.length === 0)) return emptyForeground(0);
  const { distances, classes, objectness, grid } = predictions;
  const ofDistances = floats(distances.toArray());
  const ofObjectness = objectness && floats(objectness.toArray());
  const decoded = new Float32Array(grid.count * 4);
  // By far the largest of the three is not copied.
  const assignments = classes.withArray((logits) =>
    objects.map((ofImage, image) => {
      const from = image * grid.count;
      const ofAnchors = (values: Float32Array, width: number): Float32Array =>
        values.subarray(from * width, (from + grid.count) * width);
      grid.decode(ofAnchors(ofDistances, 4), decoded);
      const ofPrediction = {
        boxes: decoded,
        logits: ofAnchors(floats(logits), classCount),
        classCount,
        ...(ofObjectness && { objectness: ofAnchors(ofObjectness, 1) }),
      };
      return assigner.assign(grid, ofPrediction, ofImage);
    }),
  );
  return gather(assignments, objects, grid);
}

function emptyForeground(count: number): Foreground {
  return {
    rows: new Int32Array(count),
    classes: new Int32Array(count),
    scores: new Float64Array(count),
    anchors: new Float32Array(4 * count),
    boxes: new Float32Array(4 * count),
  };
}

/** The assignments of the images one after another. */
function gather(assignments: readonly Assignment[], objects: readonly ImageObjects[], grid: AnchorGrid): Foreground {
  const foreground = emptyForeground(assignments.reduce((sum, { anchors }) => sum + anchors.length, 0));
  const { rows, classes, scores, anchors, boxes } = foreground;
  let f = 0;
  assignments.forEach((assignment, image) => {
    const ofImage = objects[image]!;
    for (let i = 0; i < assignment.anchors.length; i++, f++) {
      const anchor = assignment.anchors[i]!;
      const object = assignment.objects[i]!;
      const stride = grid.stride[anchor]!;
      rows[f] = image * grid.count + anchor;
      classes[f] = ofImage.classes[object]!;
      scores[f] = assignment.scores[i]!;
      for (let side = 0; side < 4; side++) {
        anchors[4 * f + side] = (side % 2 === 0 ? grid.x[anchor]! : grid.y[anchor]!) / stride;
        boxes[4 * f + side] = ofImage.boxes[4 * object + side]! / stride;
      }
    }
  });
  return foreground;
}

function floats(values: TypedArray): Float32Array {
  if (!(values instanceof Float32Array)) throw new Error("expected float32 predictions");
  return values;
}
