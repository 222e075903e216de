/** Detection on picture files: sources, detections, and what is left of them on disk. */
export { AddressError, AllowedHosts } from "./allowed-hosts.js";
export { FetchedPictures, isAddress } from "./fetched-pictures.js";
export { expandSources } from "./sources.js";
export { PictureDetector, type DecodedPicture, type DetectOptions } from "./picture-detector.js";
export { detectPictures, inputSizeOf, type DetectionOutcome } from "./detect-pictures.js";
export type { DetectedBox, DetectedImage } from "./detected-image.js";
export { drawDetections, overlay } from "./draw-detections.js";
export { ClassColours, readableOn } from "../draw/palette.js";
export { labelText } from "./label-text.js";
export { detectedImageJson, detectionCounts, ResultFiles, type ResultFileOptions } from "./result-files.js";
export { resultFolder } from "../result-folder.js";
