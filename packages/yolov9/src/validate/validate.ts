/**
 * Validation: every image of a split through a predictor, suppression, and the figures. It drives loader, predictor and collector
 * and keeps the time; what each does is in their own files.
 */
import { Loader, problemText, type Problem, type Sample } from "../data/index.js";
import type { DetectionLoss } from "../loss/index.js";
import type { DetectionModel } from "../model/index.js";
import { LossMean, StageClock } from "./accumulators.js";
import { DetectionCollector } from "./detection-collector.js";
import type { SuppressionOptions } from "./image-detections.js";
import type { Predictor } from "./predictor.js";
import type { ValidationResult } from "./result.js";
import { TorchPredictor } from "./torch-predictor.js";

/** Thresholds of the published evaluation: nearly every box counts, overlapping ones are kept up to an IoU of 0.7. */
export const VALIDATION_SUPPRESSION: SuppressionOptions = { confidence: 0.001, iou: 0.7, maxDetections: 300 };

const DEFAULT_IMAGE_SIZE = 640;

export interface ValidateOptions extends Partial<SuppressionOptions> {
  /** Class names of the data set. */
  readonly names: readonly string[];
  /** Side of square network inputs in pixels, and longer side of images in rectangles. */
  readonly imageSize: number;
  readonly batchSize: number;
  /** Worker threads that decode. */
  readonly workers?: number | undefined;
  /** False: images of like shape share a batch, padded to a rectangle as in the published evaluation. Default true. */
  readonly square?: boolean | undefined;
  /** A loader of the same samples, for those who validate often. It is not closed. */
  readonly loader?: Loader | undefined;
  /** Called after every batch with the number of images done so far. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Aborts between batches. */
  readonly signal?: AbortSignal | undefined;
}

/** A result, the boxes that it was computed from, and images that had to be left out. */
export interface Validation {
  readonly result: ValidationResult;
  readonly collector: DetectionCollector;
  readonly problems: readonly Problem[];
}

/**
 * Validates a model on libtorch.
 * @param model in any mode, on any device; evaluation mode is used and the mode restored
 * @param options.loss for validation losses (of the lead head)
 */
export async function validateModel(
  model: DetectionModel,
  samples: readonly Sample[],
  options: ValidateOptions & { readonly loss?: DetectionLoss | undefined },
): Promise<ValidationResult> {
  const { result } = await validate(new TorchPredictor(model, { loss: options.loss }), samples, options);
  return result;
}

/**
 * Validates whatever predicts.
 * @throws Error when the predictor's classes are not those of the data set, or no image can be read
 */
export async function validate(
  predictor: Predictor,
  samples: readonly Sample[],
  options: ValidateOptions,
): Promise<Validation> {
  checkClasses(predictor, options.names);
  const loader = options.loader ?? evaluationLoader(samples, options);
  try {
    const collected = await collect(predictor, loader, samples.length, options);
    if (collected.collector.samples.length === 0) throw new Error(noImages(loader.problems));
    const figures = collected.collector.measure(options.names);
    const result = { ...figures, speed: collected.speed, ...(collected.losses && { losses: collected.losses }) };
    return { result, collector: collected.collector, problems: loader.problems };
  } finally {
    if (options.loader === undefined) await loader.close();
  }
}

/** A loader as validation wants it: every image once, letterboxed to squares in order, or in rectangles. */
export function evaluationLoader(
  samples: readonly Sample[],
  options: Pick<ValidateOptions, "imageSize" | "batchSize" | "workers" | "square">,
): Loader {
  const { imageSize, batchSize, workers, square = true } = options;
  return new Loader(samples, { imageSize, batchSize, rect: !square, ...(workers === undefined ? {} : { workers }) });
}

/**
 * Side of the square input to validate with: what the user wants, else what the predictor was made for, else 640.
 * @throws Error when it was made for an oblong
 */
export function squareInput({ inputSize }: Predictor, wanted: number | undefined): number {
  if (wanted !== undefined || inputSize === undefined) return wanted ?? DEFAULT_IMAGE_SIZE;
  const { width, height } = inputSize;
  if (width !== height)
    throw new Error(`the model takes ${width} x ${height} pixels, but validation letterboxes to squares`);
  return width;
}

interface Collected {
  readonly collector: DetectionCollector;
  readonly speed: ValidationResult["speed"];
  readonly losses: ValidationResult["losses"] | undefined;
}

async function collect(
  predictor: Predictor,
  loader: Loader,
  total: number,
  options: ValidateOptions,
): Promise<Collected> {
  const { confidence, iou, maxDetections, nms, nmsSigma, agnostic } = options;
  const collector = new DetectionCollector({
    confidence: confidence ?? VALIDATION_SUPPRESSION.confidence,
    iou: iou ?? VALIDATION_SUPPRESSION.iou,
    maxDetections: maxDetections ?? VALIDATION_SUPPRESSION.maxDetections,
    nms,
    nmsSigma,
    agnostic,
    classCount: predictor.classCount,
  });
  const losses = new LossMean();
  const clock = new StageClock();
  for await (const batch of loader.batches(0)) {
    clock.lap("preprocess");
    options.signal?.throwIfAborted();
    const predictions = await predictor.predict(batch);
    clock.lap("inference");
    collector.add(predictions, batch.samples, batch.geometries);
    clock.lap("nms");
    losses.add(predictions.losses, batch.batchSize);
    options.onProgress?.(collector.samples.length, total);
  }
  return { collector, speed: clock.millisecondsPer(collector.samples.length), losses: losses.mean() };
}

/** A model that finds other classes than the data set has would be measured against the wrong objects. */
function checkClasses({ classCount, names: own }: Predictor, names: readonly string[]): void {
  if (classCount !== names.length) {
    throw new Error(`the model has ${classCount} classes but the data set ${names.length} (${names.join(", ")})`);
  }
  const numbered = own?.every((name, i) => name === String(i)) ?? true;
  const other = own?.findIndex((name, i) => name !== names[i]) ?? -1;
  if (numbered || other < 0) return;
  throw new Error(
    `class ${other} is "${own?.[other] ?? ""}" in the model but "${names[other] ?? ""}" in the data set: ` +
      "the classes must have the same names in the same order",
  );
}

function noImages(problems: readonly Problem[]): string {
  const [first] = problems;
  return `no image of the split could be read${first === undefined ? "" : ` (${problemText(first)})`}`;
}
