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
