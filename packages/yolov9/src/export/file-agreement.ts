/**
 * What lower precision costs: the detections of the float32 file and of the reduced one on the same images, matched as hits are in
 * evaluation, with the float32 file's in place of the truth.
 */
import { Detector, type ModelCard } from "@yolov9/runtime";
import { scope } from "@yolov9/torch";
import { boxIou, judgeDetections, nonMaxSuppression, type Detections } from "@yolov9/vision";
import type { CalibrationImage } from "./calibrate.js";
import { floats } from "./floats.js";
import { outputDifference, randomPictures, type OutputDifference } from "./verify-export.js";

/** The detections of two files. `box` and `score` are the largest differences of the bare outputs, at any anchor. */
export interface FileAgreement extends OutputDifference {
  /** Number of images that were compared. */
  images: number;
  /** What is on them. */
  source: "calibration" | "random";
  /** Detections score more than this; absent where float32 has none such, and `BEST` of each image are compared. */
  confidence?: number;
  /** Detections of the float32 file. */
  detections: number;
  /** Those that the reduced file finds too: of the same class, IoU at least 0.5. */
  found: number;
  /** Detections of the reduced file that float32 has not. */
  others: number;
  /** `found` of `detections`, 0 … 1; absent without detections. */
  share?: number;
  /** Over those found: mean IoU and mean and largest difference of scores; absent where nothing is found. */
  meanIou?: number;
  meanScoreDifference?: number;
  largestScoreDifference?: number;
}

/** Detections an image that are compared where none is certain. */
export const BEST = 20;
const RANDOM_IMAGES = 4;

interface ImageSize {
  batch: number;
  height: number;
  width: number;
}

/** A file's detections on an image: the certain ones, and the best ones however uncertain. */
interface Found {
  certain: Detections;
  best: Detections;
}

/**
 * Compare two files of the same model, neither with suppression inside.
 * @param images of the size of the export; without any, pictures of random colours serve
 */
export async function fileAgreement(
  reference: Uint8Array,
  reduced: Uint8Array,
  images: readonly CalibrationImage[],
  size: ImageSize,
): Promise<FileAgreement> {
  const pixels = images.length > 0 ? images.map((image) => image.pixels) : randomImages(size);
  const [first, second] = [await Detector.load(reference), await Detector.load(reduced)];
  const difference: OutputDifference = { box: 0, score: 0 };
  const pairs: { wanted: Found; actual: Found }[] = [];
  try {
    for (let start = 0; start < pixels.length; start += size.batch) {
      const batch = pixels.slice(start, start + size.batch);
      const [a, b] = [await outputs(first, batch, size), await outputs(second, batch, size)];
      for (const [i, wanted] of a.entries()) {
        const { box, score } = outputDifference(wanted, b[i]!, 1, 4 + first.names.length);
        difference.box = Math.max(difference.box, box);
        difference.score = Math.max(difference.score, score);
        pairs.push({ wanted: suppressed(wanted, first.card), actual: suppressed(b[i]!, first.card) });
      }
    }
  } finally {
    await Promise.all([first.dispose(), second.dispose()]);
  }
  const isCertain = pairs.some(({ wanted }) => wanted.certain.count > 0);
  const kind = isCertain ? "certain" : "best";
  return {
    ...{ images: pixels.length, source: images.length > 0 ? "calibration" : "random" },
    ...(isCertain && { confidence: first.card.confidence }),
    ...detectionAgreement(pairs.map(({ wanted, actual }) => [wanted[kind], actual[kind]])),
    ...difference,
  };
}

/** @param pairs an image each: detections of the float32 file and of the reduced one, boxes in the same pixels */
export function detectionAgreement(
  pairs: readonly (readonly [wanted: Detections, actual: Detections])[],
): Omit<FileAgreement, keyof OutputDifference | "images" | "source" | "confidence"> {
  let [detections, found, others, ious, scores, largest] = [0, 0, 0, 0, 0, 0];
  for (const [wanted, actual] of pairs) {
    detections += wanted.count;
    for (const { row, verdict, object } of judgeDetections(wanted, actual)) {
      if (verdict !== "hit") {
        others++;
        continue;
      }
      const distance = Math.abs(wanted.scores[object]! - actual.scores[row]!);
      found++;
      ious += boxIou(wanted.boxes, object, actual.boxes, row);
      scores += distance;
      largest = Math.max(largest, distance);
    }
  }
  return {
    ...{ detections, found, others },
    ...(detections > 0 && { share: found / detections }),
    ...(found > 0 && {
      meanIou: ious / found,
      meanScoreDifference: scores / found,
      largestScoreDifference: largest,
    }),
  };
}

/** @returns an output [4 + classes, anchors] for each of the images, of which a batch may have fewer than the graph takes */
async function outputs(
  detector: Detector,
  images: readonly Float32Array[],
  { batch, height, width }: ImageSize,
): Promise<Float32Array[]> {
  const input = new Float32Array(batch * 3 * height * width);
  for (const [i, pixels] of images.entries()) input.set(pixels, i * pixels.length);
  const output = await detector.predict(input, { batch, height, width });
  const length = output.length / batch;
  return images.map((_, i) => output.subarray(i * length, (i + 1) * length));
}

/** @param output [4 + classes, anchors] */
function suppressed(output: Float32Array, { names, confidence, iou }: ModelCard): Found {
  const classCount = names.length;
  const options = { classCount, anchors: output.length / (4 + classCount), iou, multiLabel: false };
  return {
    certain: nonMaxSuppression(output, { ...options, confidence }),
    best: nonMaxSuppression(output, { ...options, confidence: 0, maxDetections: BEST }),
  };
}

function randomImages({ height, width }: ImageSize): Float32Array[] {
  const pixels = scope(() => floats(randomPictures(RANDOM_IMAGES, height, width)));
  const length = pixels.length / RANDOM_IMAGES;
  return Array.from({ length: RANDOM_IMAGES }, (_, i) => pixels.subarray(i * length, (i + 1) * length));
}
