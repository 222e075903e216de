/** What the images of a batch contain, as the loss takes it, and the same sorted by image in pixels as the assigner takes it. */
import type { ImageObjects } from "./task-aligned-assigner.js";

export interface Targets {
  /** [N, 6] one row an object: image index, class, centre x, centre y, width, height; the last four as fractions of the input. */
  readonly rows: Float32Array;
  readonly imageCount: number;
  /** Size of the network input in pixels. */
  readonly width: number;
  readonly height: number;
}

const COLUMNS = 6;

/**
 * The objects of each image in the order of their rows.
 * @returns one entry an image, empty where it has no objects
 * @throws Error when a row names an image or a class that does not exist
 */
export function objectsOfImages(targets: Targets, classCount: number): ImageObjects[] {
  const { rows, imageCount } = targets;
  const indices = Array.from({ length: imageCount }, (): number[] => []);
  for (let row = 0; row * COLUMNS < rows.length; row++) {
    const image = rows[row * COLUMNS]!;
    const label = rows[row * COLUMNS + 1]!;
    const ofImage = indices[image];
    if (ofImage === undefined)
      throw new Error(`targets row ${row}: image ${image}, but the batch has ${imageCount} images`);
    if (!Number.isInteger(label) || label < 0 || label >= classCount) {
      throw new Error(
        `targets row ${row}: class ${label}, but the model has ${classCount} classes (0..${classCount - 1})`,
      );
    }
    ofImage.push(row);
  }
  return indices.map((ofImage) => objectsOfRows(ofImage, targets));
}

function objectsOfRows(indices: readonly number[], { rows, width, height }: Targets): ImageObjects {
  const boxes = new Float32Array(indices.length * 4);
  const classes = new Int32Array(indices.length);
  indices.forEach((row, g) => {
    const [, label, cx, cy, w, h] = rows.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    classes[g] = label!;
    boxes[4 * g] = (cx! - w! / 2) * width;
    boxes[4 * g + 1] = (cy! - h! / 2) * height;
    boxes[4 * g + 2] = (cx! + w! / 2) * width;
    boxes[4 * g + 3] = (cy! + h! / 2) * height;
  });
  return { boxes, classes };
}
