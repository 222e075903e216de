/**
 * A picture file in, detections in the picture's own pixels out, with any predictor: decode, letterbox, predict, suppress, map back.
 * The same decoding and letterbox as in validation, so that the same weights find the same boxes.
 */
import { fromLetterbox, letterboxImage, toPlanarBytes, type Detections, type RgbImage } from "@yolov9/vision";
import { classNameOf } from "../class-name.js";
import { decodeImage, type PictureLimits } from "../data/index.js";
import { imageDetections, type SuppressionOptions } from "../validate/image-detections.js";
import type { Predictor } from "../validate/predictor.js";
import type { DetectedBox, DetectedImage } from "./detected-image.js";

export interface DetectOptions extends SuppressionOptions, PictureLimits {
  /** Size of the network input in pixels. */
  readonly width: number;
  readonly height: number;
  /** Class numbers to keep. Default all. */
  readonly classes?: readonly number[] | undefined;
}

export interface DecodedPicture {
  readonly path: string;
  readonly image: RgbImage;
  /** What decoding took. */
  readonly milliseconds: number;
}

export class PictureDetector {
  readonly #predictor: Predictor;
  readonly #options: DetectOptions;
  readonly #names: readonly string[];

  constructor(predictor: Predictor, options: DetectOptions) {
    this.#predictor = predictor;
    this.#options = options;
    this.#names = predictor.names ?? Array.from({ length: predictor.classCount }, (_, i) => String(i));
  }

  /**
   * A picture as it is looked at, after its EXIF orientation.
   * @throws Error when it cannot be decoded
   */
  async decode(path: string): Promise<DecodedPicture> {
    const started = performance.now();
    const image = await decodeImage(path, this.#options);
    return { path, image, milliseconds: performance.now() - started };
  }

  async detect({ path, image: picture, milliseconds: decoding }: DecodedPicture): Promise<DetectedImage> {
    const { width, height } = this.#options;
    const started = performance.now();
    const { image, geometry } = letterboxImage(picture, width, height, { kernel: "auto" });
    const images = new Uint8Array(image.data.length);
    toPlanarBytes(image, images);
    const prepared = performance.now();
    const predictions = await this.#predictor.predict({ images, batchSize: 1, width, height });
    const predicted = performance.now();
    const { classCount } = this.#predictor;
    const found = imageDetections(predictions, 0, { ...this.#options, classCount, multiLabel: false });
    const boxes = fromLetterbox(found.boxes, geometry, picture.width, picture.height);
    const milliseconds = {
      preprocess: decoding + prepared - started,
      inference: predicted - prepared,
      nms: performance.now() - predicted,
    };
    return {
      path,
      file: path,
      width: picture.width,
      height: picture.height,
      boxes: this.#named(found, boxes),
      milliseconds,
    };
  }

  #named({ scores, classes, count }: Detections, boxes: Float32Array): DetectedBox[] {
    return Array.from({ length: count }, (_, i) => {
      const classIndex = classes[i]!;
      const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
      return {
        box: [x1!, y1!, x2!, y2!],
        score: scores[i]!,
        classIndex,
        className: classNameOf(this.#names, classIndex),
      };
    });
  }
}
