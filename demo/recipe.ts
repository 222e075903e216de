// What the demo trains, on what, and for how long: sized so that two cores reach a useful detector in about five minutes.
// Numbers only; what they mean is in docs/training.md.

import type { DatasetSize } from "./dataset.js";

export const MODEL = "yolov9-t";

/** Side of the square network input in pixels. */
export const IMAGE_SIZE = 128;

export const EPOCHS = 12;

export const DATASET: DatasetSize = { scenes: { train: 800, val: 100, test: 30 }, size: 256, seed: 9 };

/**
 * The flags of `yolov9 train` that differ from the published recipe, which is made for hundreds of epochs of photos: an
 * fastest number format, an optimiser step for each batch of 16 instead of each 64 images, a short warm-up, an average that forgets as quickly as so
 * short a run learns, digits that are never mirrored, and milder mosaics.
 */
export const TRAINING_FLAGS: readonly string[] = [
  ...[
    "--model",
    MODEL,
    "--imgsz",
    String(IMAGE_SIZE),
    "--epochs",
    String(EPOCHS),
    "--batch",
    "16",
    "--precision",
    "auto",
  ],
  ...["--nominal-batch", "16", "--warmup-epochs", "1", "--warmup-min-iterations", "50", "--ema-tau", "100"],
  ...["--fliplr", "0", "--scale", "0.5", "--mixup", "0", "--close-mosaic", "4"],
];
