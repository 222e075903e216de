// Geometry
export { boxArea, boxIntersection, boxIou, cxcywhToXyxy, pairwiseIou, xyxyToCxcywh } from "./boxes.js";
export {
  fromLetterbox,
  letterboxGeometry,
  toLetterbox,
  type LetterboxGeometry,
  type LetterboxOptions,
} from "./letterbox.js";

// Pixels
export {
  LETTERBOX_PAD,
  letterboxImage,
  rgbFromPixels,
  toPlanarBytes,
  toPlanarFloat,
  type LetterboxImageOptions,
  type Pixels,
  type ResizeKernel,
  type RgbImage,
  MAX_PIXELS,
} from "./image.js";
export { resizeArea, resizeAreaInto, resizeBilinear, resizeBilinearInto, type ResizeTarget } from "./resize.js";

// Predictions
export { nonMaxSuppression, NMS_METHODS, type Detections, type NmsMethod, type NmsOptions } from "./nms.js";

// Masks
export { mergeRles, maskFromRle, rleArea, rleBox, rleFromCounts, rleFromMask, rleIou, type Rle } from "./rle.js";
export { rleFromString, rleToString } from "./rle-string.js";
export { rleFromBox, rleFromPolygon, rleFromPolygons } from "./polygon-rle.js";

// Evaluation
export type {
  ImageDetections,
  ImageTruth,
  KeypointDetections,
  KeypointTruth,
  MaskDetections,
  MaskTruth,
} from "./evaluation-input.js";
export type { CocoClassFigures, CocoFigures, CocoKeypointFigures, CocoResult, ObjectCounts } from "./coco-figures.js";
export {
  evaluateBoxes,
  evaluateKeypoints,
  evaluateMasks,
  type EvaluateBoxesOptions,
  type EvaluateKeypointsOptions,
} from "./coco-evaluator.js";
export {
  COCO_IOU_TYPES,
  evaluateCoco,
  evaluationInputFromCoco,
  type CocoEvaluation,
  type CocoIouType,
  type EvaluateCocoOptions,
} from "./coco-json.js";
export type { CocoAnnotation, CocoAnnotations, CocoDetection, CocoImageId } from "./coco-rows.js";
export { rleFromCoco, type CocoSegmentation } from "./coco-segmentation.js";
export { keypointSimilarity, PERSON_SIGMAS, type AnnotatedKeypoints } from "./keypoint-similarity.js";
export {
  detectionMetrics,
  type ClassDetectionFigures,
  type DetectionCurves,
  type DetectionFigures,
  type DetectionMetrics,
} from "./detection-metrics.js";
export {
  vocAveragePrecision,
  type VocClassFigures,
  type VocFigures,
  type VocOptions,
} from "./voc-average-precision.js";
export {
  judgeDetections,
  VERDICTS,
  type JudgedDetection,
  type Verdict,
  type VerdictThresholds,
} from "./detection-verdicts.js";
export { ERROR_KINDS, errorBreakdown, type ErrorBreakdown, type ErrorCost, type ErrorKind } from "./error-breakdown.js";
export { calibration, type Calibration, type CalibrationBin, type CalibrationOptions } from "./calibration.js";
export { confusionMatrix, type ConfusionMatrix, type ConfusionOptions } from "./confusion-matrix.js";
