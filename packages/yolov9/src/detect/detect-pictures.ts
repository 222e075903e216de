/** Detection over many picture files, one after the other: each gives its detections, or the reason why it was skipped. */
import { describeImageError } from "../data/image-files.js";
import { messageOf } from "../error-message.js";
import type { InputSize, Predictor } from "../validate/predictor.js";
import type { DetectedImage } from "./detected-image.js";
import { isAddress, type FetchedPictures } from "./fetched-pictures.js";
import type { DecodedPicture, PictureDetector } from "./picture-detector.js";

/** Side in pixels where neither the user nor the weights say one. */
const DEFAULT_IMAGE_SIZE = 640;

export type DetectionOutcome =
  | { readonly kind: "detected"; readonly path: string; readonly image: DetectedImage }
  | { readonly kind: "skipped"; readonly path: string; readonly reason: string };

/**
 * The outcomes in the order of the paths. A picture that cannot be fetched or decoded does not stop the rest.
 * @param paths of files, and addresses
 * @param fetched fetches what is at addresses
 */
export async function* detectPictures(
  detector: PictureDetector,
  paths: readonly string[],
  fetched?: FetchedPictures,
): AsyncGenerator<DetectionOutcome, void, void> {
  for (const path of paths) {
    const picture = await pictureAt(path, detector, fetched);
    if (typeof picture === "string") yield { kind: "skipped", path, reason: picture };
    else yield { kind: "detected", path, image: { ...(await detector.detect(picture)), path } };
  }
}

/** The picture, or why there is none. */
async function pictureAt(
  path: string,
  detector: PictureDetector,
  fetched: FetchedPictures | undefined,
): Promise<DecodedPicture | string> {
  let file = path;
  try {
    if (isAddress(path) && fetched !== undefined) file = await fetched.fetch(path);
  } catch (error) {
    return `cannot fetch the picture (${messageOf(error)})`;
  }
  return detector.decode(file).catch((error: unknown) => describeImageError(error));
}

/** The network input to use: the side that the user wants, else the size that the weights were made for. */
export function inputSizeOf({ inputSize }: Predictor, side: number | undefined): InputSize {
  if (side !== undefined) return { width: side, height: side };
  return inputSize ?? { width: DEFAULT_IMAGE_SIZE, height: DEFAULT_IMAGE_SIZE };
}
