/**
 * Whether an exported file computes what was trained: the lead output of the training model against that of the detached model, of that
 * against the fused model, and of that against ONNX Runtime, on pictures of random colours. It measures; what to do about a difference is
 * the caller's matter.
 */
import { Detector } from "@yolov9/runtime";
import { generatorState, manualSeed, noGrad, rand, scope, setGeneratorState, type Tensor } from "@yolov9/torch";
import { detachAuxiliary } from "../model/deploy.js";
import type { DetectionModel } from "../model/detection-model.js";
import { floats } from "./floats.js";

export interface OutputDifference {
  /** Largest difference of a box coordinate, in input pixels. */
  box: number;
  /** Largest difference of a score. */
  score: number;
}

export interface ExportVerification {
  /** The training model, its auxiliary branch at work, against the model without that branch. */
  detaching: OutputDifference;
  /** The detached model against the same fused, both on libtorch. */
  fusing: OutputDifference;
  /** The fused model on libtorch against the file on ONNX Runtime. */
  runtime: OutputDifference;
}

/** The same single-precision arithmetic in another order: what that may change. */
export const TOLERANCE: OutputDifference = { box: 0.05, score: 1e-4 };

const SEED = 20240221;
/** Side of the patches of one colour that the test picture consists of: pure noise would excite no feature. */
const PATCH_PX = 8;

/**
 * @param trained the model as it was trained, unfused, with or without auxiliary branch; its mode is restored
 * @param deploy the same model detached and fused
 * @param file the bytes of the ONNX file made from `deploy`
 */
export async function verifyExport(
  trained: DetectionModel,
  deploy: DetectionModel,
  file: Uint8Array,
  size: { batch: number; height: number; width: number },
): Promise<ExportVerification> {
  const images = randomPictures(size.batch, size.height, size.width);
  try {
    const wanted = decoded(trained, images);
    const detached = decodedOnce(detachAuxiliary(trained), images);
    const fused = decoded(deploy, images);
    const actual = await outputOf(file, floats(images), size);
    const rows = 4 + deploy.classCount;
    return {
      detaching: outputDifference(wanted, detached, size.batch, rows),
      fusing: outputDifference(detached, fused, size.batch, rows),
      runtime: outputDifference(fused, actual, size.batch, rows),
    };
  } finally {
    images.dispose();
  }
}

async function outputOf(
  file: Uint8Array,
  images: Float32Array,
  size: { batch: number; height: number; width: number },
): Promise<Float32Array> {
  const detector = await Detector.load(file);
  try {
    return await detector.predict(images, size);
  } finally {
    await detector.dispose();
  }
}

/** Whether a difference is no more than rounding. */
export function withinTolerance({ box, score }: OutputDifference): boolean {
  return box <= TOLERANCE.box && score <= TOLERANCE.score;
}

/** [batch, 3, height, width] 0 … 1, the same at every call. */
export function randomPictures(batch: number, height: number, width: number): Tensor {
  return scope(() => {
    const before = generatorState();
    manualSeed(SEED);
    const patches = rand([batch, 3, Math.ceil(height / PATCH_PX), Math.ceil(width / PATCH_PX)]);
    const texture = rand([batch, 3, height, width]);
    setGeneratorState(before);
    return patches.upsample_nearest2d([height, width]).mul(0.75).add(texture.mul(0.25));
  });
}

function decoded(model: DetectionModel, images: Tensor): Float32Array {
  const { training } = model;
  model.eval();
  try {
    return noGrad(() => scope(() => floats(model.decode(model.forward(images, { auxiliary: true }).lead))));
  } finally {
    if (training) model.train();
  }
}

function decodedOnce(model: DetectionModel, images: Tensor): Float32Array {
  try {
    return decoded(model, images);
  } finally {
    model.dispose();
  }
}

/**
 * Largest differences, NaN where a number is NaN on either side.
 * @param a, b [batch, rows, A] with four rows of box coordinates first
 */
export function outputDifference(a: Float32Array, b: Float32Array, batch: number, rows: number): OutputDifference {
  if (a.length !== b.length) return { box: Infinity, score: Infinity };
  const difference: OutputDifference = { box: 0, score: 0 };
  const anchors = a.length / batch / rows;
  for (let i = 0; i < a.length; i++) {
    const kind = Math.floor(i / anchors) % rows < 4 ? "box" : "score";
    // Unlike a comparison, Math.max keeps a NaN.
    difference[kind] = Math.max(difference[kind], Math.abs(a[i]! - b[i]!));
  }
  return difference;
}
