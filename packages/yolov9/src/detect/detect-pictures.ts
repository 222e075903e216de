/** Detection over many picture files, one after the other: each gives its detections, or the reason why it was skipped. */
import { describeImageError } from "../data/image-files.js";
import type { InputSize, Predictor } from "../validate/predictor.js";
import type { DetectedImage } from "./detected-image.js";
import type { PictureDetector } from "./picture-detector.js";

/** Side in pixels where neither the user nor the weights say one. */
const DEFAULT_IMAGE_SIZE = 640;

export type DetectionOutcome =
  | { readonly kind: "detected"; readonly path: string; readonly image: DetectedImage }
  | { readonly kind: "skipped"; readonly path: string; readonly reason: string };

/** The outcomes in the order of the paths. A picture that cannot be decoded does not stop the rest. */
export async function* detectPictures(
  detector: PictureDetector,
  paths: readonly string[],
): AsyncGenerator<DetectionOutcome, void, void> {
  for (const path of paths) {
    const picture = await detector.decode(path).catch((error: unknown) => describeImageError(error));
    if (typeof picture === "string") yield { kind: "skipped", path, reason: picture };
    else yield { kind: "detected", path, image: await detector.detect(picture) };
  }
}

/** The network input to use: the side that the user wants, else the size that the weights were made for. */
export function inputSizeOf({ inputSize }: Predictor, side: number | undefined): InputSize {
  if (side !== undefined) return { width: side, height: side };
  return inputSize ?? { width: DEFAULT_IMAGE_SIZE, height: DEFAULT_IMAGE_SIZE };
}
