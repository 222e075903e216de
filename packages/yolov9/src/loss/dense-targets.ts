/**
 * What the images of a batch contain as one tensor, every image with room for as many objects: for devices that must not be asked how
 * many there are.
 */
import { tensor } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { objectsOfImages, type Targets } from "./targets.js";

/** Class, x1, y1, x2, y2. */
export const DENSE_COLUMNS = 5;

const LEAST_ROOM = 8;

/** Room for the objects of the image that has most: a power of two, so that batches seldom differ. */
export function roomForObjects({ rows, imageCount }: Targets): number {
  const counts = new Uint32Array(imageCount);
  for (let row = 0; row < rows.length; row += 6) counts[rows[row]!]!++;
  return 2 ** Math.ceil(Math.log2(Math.max(LEAST_ROOM, ...counts)));
}

/**
 * @param room objects an image may have
 * @returns [B * room * 5] class and corners in pixels; rows of zeros where an image has fewer objects
 * @throws Error when a row names an image or a class that does not exist
 */
export function denseRows(targets: Targets, classCount: number, room: number): Float32Array {
  const dense = new Float32Array(targets.imageCount * room * DENSE_COLUMNS);
  objectsOfImages(targets, classCount).forEach(({ boxes, classes }, image) => {
    classes.forEach((label, object) => {
      const at = (image * room + object) * DENSE_COLUMNS;
      dense[at] = label;
      dense.set(boxes.subarray(4 * object, 4 * object + 4), at + 1);
    });
  });
  return dense;
}

/** The same as a tensor [B, room, 5]. */
export function denseTargets(targets: Targets, classCount: number, device: string): Tensor {
  const room = roomForObjects(targets);
  return tensor(denseRows(targets, classCount, room), { shape: [targets.imageCount, room, DENSE_COLUMNS], device });
}
