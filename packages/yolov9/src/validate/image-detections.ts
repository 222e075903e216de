/**
 * The boxes of one image from a predictor's output, in input pixels: suppressed here, or read where the model has suppressed them itself.
 */
import { detectionsOfRows, ROW_LENGTH } from "@yolov9/runtime";
import { nonMaxSuppression, type Detections, type NmsMethod, type NmsOptions } from "@yolov9/vision";
import type { Predictions, Predictor } from "./predictor.js";

export interface SuppressionOptions {
  /** Lowest score of a detection. */
  readonly confidence: number;
  /** IoU above which the weaker box of a class is dropped. */
  readonly iou: number;
  readonly maxDetections: number;
  /** How rivals are suppressed. Default greedily. */
  readonly nms?: NmsMethod | undefined;
  /** Width of the curve by which `soft-gaussian` and `matrix` lower scores. */
  readonly nmsSigma?: number | undefined;
  /** Whether boxes suppress those of other classes too. Default false. */
  readonly agnostic?: boolean | undefined;
}

export interface ImageOptions extends SuppressionOptions {
  readonly classCount: number;
  /** Whether an anchor may yield several classes. Default true. */
  readonly multiLabel?: boolean | undefined;
  /** Class numbers to keep. Default all. */
  readonly classes?: readonly number[] | undefined;
}

/**
 * @param image number of the image in the batch
 * @param options of a model that suppresses boxes itself only confidence, maxDetections and classes can have an effect
 */
export function imageDetections(predictions: Predictions, image: number, options: ImageOptions): Detections {
  const { values, anchors, suppressed = false } = predictions;
  const { classCount, confidence, maxDetections } = options;
  const classes = options.classes === undefined ? {} : { classes: options.classes };
  const length = (suppressed ? ROW_LENGTH : 4 + classCount) * anchors;
  const own = values.subarray(image * length, (image + 1) * length);
  if (suppressed) return detectionsOfRows(own, { confidence, maxDetections, ...classes });
  const { multiLabel = true } = options;
  return nonMaxSuppression(own, { ...suppressionOf(options), ...classes, classCount, anchors, multiLabel });
}

/** Options of suppression as @yolov9/vision takes them. */
function suppressionOf({
  confidence,
  iou,
  maxDetections,
  nms = "greedy",
  nmsSigma,
  agnostic = false,
}: SuppressionOptions): Pick<NmsOptions, "confidence" | "iou" | "maxDetections" | "method" | "sigma" | "agnostic"> {
  const sigma = nmsSigma === undefined ? {} : { sigma: nmsSigma };
  return { confidence, iou, maxDetections, agnostic, method: nms, ...sigma };
}

/** What to tell a user whose model suppresses boxes itself; undefined for other models. */
export function suppressionNote({ suppression }: Predictor): string | undefined {
  if (suppression === undefined) return undefined;
  const { confidence, iou, maxDetections } = suppression;
  return `the model suppresses boxes itself: confidence ${confidence}, IoU ${iou}, at most ${maxDetections} boxes; --iou, --nms and --agnostic have no effect`;
}
