/**
 * The anchors of a batch that learn objects, as an assigner chooses them from one head's predictions, without a gradient. Another
 * head may learn the same: the choice says nothing of the head that it was made from.
 */
import { expectation, noGrad } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import type { FlatPredictions, HeadShape } from "./predictions.js";
import type { ImageObjects, TaskAlignedAssigner } from "./task-aligned-assigner.js";

/** The assigned anchors of all images, as parallel lists of length F. */
export interface Foreground {
  /** Row of the anchor among the B * A of the batch. */
  readonly rows: number[];
  /** Class of its object. */
  readonly classes: number[];
  readonly scores: number[];
  /** [F * 4] x y x y of the anchor in cells. */
  readonly anchors: number[];
  /** [F * 4] x1 y1 x2 y2 of the object in cells of the anchor's level. */
  readonly boxes: number[];
}

/** Runs the assigner on every image. @param objects what each of the B images contains */
export function assignAnchors(
  predictions: FlatPredictions,
  objects: readonly ImageObjects[],
  assigner: TaskAlignedAssigner,
  { classCount, regMax }: HeadShape,
): Foreground {
  const foreground: Foreground = { rows: [], classes: [], scores: [], anchors: [], boxes: [] };
  if (objects.every(({ classes: labels }) => labels.length === 0)) return foreground;
  const { boxes, classes, objectness, grid } = predictions;
  const distances = noGrad(() => floats(expectation(boxes.view([objects.length, grid.count, 4, regMax]))));
  const logits = floats(classes.detach());
  const objectnessLogits = objectness && floats(objectness.detach());
  const decoded = new Float32Array(grid.count * 4);
  objects.forEach((ofImage, image) => {
    if (ofImage.classes.length === 0) return;
    const from = image * grid.count;
    const ofAnchors = (values: Float32Array, width: number): Float32Array =>
      values.subarray(from * width, (from + grid.count) * width);
    grid.decode(ofAnchors(distances, 4), decoded);
    const ofPrediction = {
      boxes: decoded,
      logits: ofAnchors(logits, classCount),
      classCount,
      ...(objectnessLogits && { objectness: ofAnchors(objectnessLogits, 1) }),
    };
    const assignment = assigner.assign(grid, ofPrediction, ofImage);
    assignment.anchors.forEach((anchor, i) => {
      const object = assignment.objects[i]!;
      const stride = grid.stride[anchor]!;
      foreground.rows.push(from + anchor);
      foreground.classes.push(ofImage.classes[object]!);
      foreground.scores.push(assignment.scores[i]!);
      for (let side = 0; side < 4; side++) {
        foreground.anchors.push((side % 2 === 0 ? grid.x[anchor]! : grid.y[anchor]!) / stride);
        foreground.boxes.push(ofImage.boxes[4 * object + side]! / stride);
      }
    });
  });
  return foreground;
}

function floats(values: Tensor): Float32Array {
  const array = values.toArray();
  if (!(array instanceof Float32Array)) throw new Error(`expected float32 predictions, got ${values.dtype}`);
  return array;
}
