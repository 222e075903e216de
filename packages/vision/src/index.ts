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
  toPlanarFloat,
  type LetterboxImageOptions,
  type Pixels,
  type ResizeKernel,
  type RgbImage,
} from "./image.js";
export { resizeArea, resizeAreaInto, resizeBilinear, resizeBilinearInto, type ResizeTarget } from "./resize.js";

// Predictions
export { nonMaxSuppression, type Detections, type NmsOptions } from "./nms.js";

// Evaluation
export type { ImageDetections, ImageTruth } from "./evaluation-input.js";
export {
  evaluateBoxes,
  type CocoClassFigures,
  type CocoFigures,
  type CocoResult,
  type EvaluateBoxesOptions,
} from "./coco-evaluator.js";
export { evaluationInputFromCoco, type CocoAnnotations, type CocoDetection } from "./coco-json.js";
export {
  detectionMetrics,
  type ClassDetectionFigures,
  type DetectionFigures,
  type DetectionMetrics,
} from "./detection-metrics.js";
