// What the demo trains, on what, and for how long: sized so that two cores reach a useful detector in about five minutes.
// Numbers only; what they mean is in docs/training.md.

import type { DatasetSize } from "./dataset.js";

export const MODEL = "yolov9-t";

/** Side of the square network input in pixels. */
export const IMAGE_SIZE = 160;

export const EPOCHS = 16;

export const DATASET: DatasetSize = { scenes: { train: 480, val: 100, test: 30 }, size: 320, seed: 9 };

/**
 * The flags of `yolov9 train` that differ from the published recipe, which is made for hundreds of epochs of photos: an
 * optimiser step for each batch of 16 instead of each 64 images, digits that are never mirrored, and milder mosaics.
 */
export const TRAINING_FLAGS: readonly string[] = [
  ...["--model", MODEL, "--imgsz", String(IMAGE_SIZE), "--epochs", String(EPOCHS)],
  ...["--batch", "16", "--nominal-batch", "16"],
  ...["--fliplr", "0", "--scale", "0.5", "--mixup", "0", "--close-mosaic", "5"],
];
