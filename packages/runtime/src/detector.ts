/**
 * From picture to named boxes: letterbox, ONNX Runtime, suppression, and back to the picture's own pixels. Nothing here knows Node or the
 * browser; node.ts and browser.ts say how files are read and pictures decoded, and otherwise share this class.
 */

import {
  fromLetterbox,
  letterboxImage,
  nonMaxSuppression,
  toPlanarFloat,
  type Detections,
  type LetterboxGeometry,
  type NmsMethod,
  type RgbImage,
} from "@yolov9/vision";
import type { InferenceSession } from "onnxruntime-web";
import { checkWanted, detectionsOfRows } from "./detection-rows.js";
import { modelCard, type ModelCard, type ModelCardOptions } from "./model-card.js";
import { readOnnxMetadata } from "./onnx-metadata.js";
import { OnnxModel, type OnnxRuntime } from "./onnx-model.js";

export interface Detection {
  /** x1 y1 x2 y2 in pixels of the picture, as a viewer shows it (after its EXIF orientation). */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** 0 … 1 */
  readonly score: number;
  readonly classId: number;
  readonly className: string;
}

export interface DetectOptions {
  /** Boxes score more than this. Default: as the model file says, else 0.25. */
  readonly confidence?: number;
  /** Overlap above which the weaker of two boxes of a class goes. Default: as the model file says, else 0.45. */
  readonly iou?: number;
  /** Default 300. */
  readonly maxDetections?: number;
  /** Names or numbers of the classes to look for. Default all. */
  readonly classes?: readonly (string | number)[];
  /** Whether boxes suppress those of other classes. Default false. */
  readonly agnostic?: boolean;
  /** Whether one place may yield several classes. Default false: its best class only. */
  readonly multiLabel?: boolean;
  /** How boxes suppress one another: "greedy" (default) drops the weaker one, the others lower its score. */
  readonly method?: NmsMethod;
  /** Width of the curve of "soft-gaussian" and "matrix". Default 0.5. */
  readonly sigma?: number;
}

export interface LoadOptions extends ModelCardOptions {
  /** ONNX Runtime's execution providers, best first, such as ["cuda", "cpu"] or ["webgpu", "wasm"]. */
  readonly executionProviders?: readonly InferenceSession.ExecutionProviderConfig[];
  /** Threads within one operator. Default: as many as there are cores. */
  readonly threads?: number;
}

/** `DetectOptions` with classes as numbers. */
interface SuppressionOptions extends Omit<DetectOptions, "classes"> {
  readonly classes?: readonly number[];
}

/** Pictures of a batch that run together, unless the graph fixes the number. */
const BATCH_SIZE = 8;

const LOG_ERRORS_ONLY = 3;

/** Everything but decoding. `Image` is what a platform can turn into pixels. */
export class DetectorBase<Image> {
  /** What the model file and the options say about the model. */
  readonly card: ModelCard;
  readonly #model: OnnxModel;
  readonly #decode: (image: Image) => Promise<RgbImage>;

  protected constructor(model: OnnxModel, card: ModelCard, decode: (image: Image) => Promise<RgbImage>) {
    this.#model = model;
    this.card = card;
    this.#decode = decode;
  }

  /** Class names by class number. */
  get names(): readonly string[] {
    return this.card.names;
  }

  /**
   * Objects in a picture, best first.
   * @throws Error when the picture cannot be decoded, an option is out of range or contradicts a graph that suppresses boxes itself, or
   *   after `dispose`
   */
  async detect(image: Image, options: DetectOptions = {}): Promise<Detection[]> {
    const [detections] = await this.detectBatch([image], options);
    return detections!;
  }

  /** Objects in each of some pictures, which run through the model together. */
  async detectBatch(images: readonly Image[], options: DetectOptions = {}): Promise<Detection[][]> {
    const { classes, ...rest } = options;
    const suppression = classes ? { ...rest, classes: classes.map((wanted) => this.#classId(wanted)) } : rest;
    const size = this.#model.batch ?? BATCH_SIZE;
    const results: Detection[][] = [];
    for (let start = 0; start < images.length; start += size) {
      const pictures = await Promise.all(images.slice(start, start + size).map((image) => this.#decode(image)));
      results.push(...(await this.#detectPictures(pictures, suppression)));
    }
    return results;
  }

  /**
   * The model's bare output, for those who letterbox and suppress themselves.
   * @param images [batch, 3, height, width] planar RGB 0 … 1
   * @param shape default: the size of `card`, and as many pictures as `images` holds
   * @returns [batch, 4 + classes, anchors]: cx cy w h in input pixels, then scores 0 … 1; of a graph that suppresses boxes itself
   *   [batch, maxDetections, 6]: x1 y1 x2 y2 score class
   */
  predict(
    images: Float32Array,
    shape: Partial<Record<"batch" | "height" | "width", number>> = {},
  ): Promise<Float32Array> {
    const { height = this.card.imageHeight, width = this.card.imageWidth } = shape;
    const { batch = images.length / (3 * height * width) } = shape;
    return this.#model.run(images, batch, height, width);
  }

  /** Free ONNX Runtime's memory; the detector cannot be used afterwards. */
  dispose(): Promise<void> {
    return this.#model.dispose();
  }

  async #detectPictures(pictures: readonly RgbImage[], options: SuppressionOptions): Promise<Detection[][]> {
    const { imageHeight, imageWidth, letterbox } = this.card;
    const images = new Float32Array(pictures.length * 3 * imageHeight * imageWidth);
    const geometries = pictures.map((picture, i) => {
      const { image, geometry } = letterboxImage(picture, imageWidth, imageHeight, letterbox);
      toPlanarFloat(image, images, i * 3 * imageHeight * imageWidth);
      return geometry;
    });
    const output = await this.predict(images);
    const length = output.length / pictures.length;
    return pictures.map((picture, i) =>
      this.#detections(output.subarray(i * length, (i + 1) * length), picture, geometries[i]!, options),
    );
  }

  #detections(
    output: Float32Array,
    picture: RgbImage,
    geometry: LetterboxGeometry,
    options: SuppressionOptions,
  ): Detection[] {
    const kept = this.#suppressed(output, options);
    const boxes = fromLetterbox(kept.boxes, geometry, picture.width, picture.height);
    return Array.from(kept.classes, (classId, i) => ({
      box: [boxes[i * 4]!, boxes[i * 4 + 1]!, boxes[i * 4 + 2]!, boxes[i * 4 + 3]!],
      score: kept.scores[i]!,
      classId,
      className: this.names[classId]!,
    }));
  }

  /** @param output of one picture */
  #suppressed(output: Float32Array, options: SuppressionOptions): Detections {
    if (this.card.suppression !== undefined) {
      checkWanted(this.card.suppression, options);
      return detectionsOfRows(output, options);
    }
    const classCount = this.names.length;
    const { confidence = this.card.confidence, iou = this.card.iou, multiLabel = false } = options;
    const anchors = output.length / (4 + classCount);
    return nonMaxSuppression(output, { ...options, classCount, anchors, confidence, iou, multiLabel });
  }

  #classId(wanted: string | number): number {
    const classId = typeof wanted === "number" ? wanted : this.names.indexOf(wanted);
    if (this.names[classId] === undefined) {
      const known = this.names.length > 20 ? [...this.names.slice(0, 20), "…"] : this.names;
      throw new RangeError(`no class ${wanted}; the model knows ${this.names.length}: ${known.join(", ")}`);
    }
    return classId;
  }
}

/** What a detector is made of, from a model file's bytes. */
export async function openModel(
  runtime: OnnxRuntime,
  bytes: Uint8Array,
  name: string,
  options: LoadOptions,
  threads: number,
): Promise<{ model: OnnxModel; card: ModelCard }> {
  const metadata = readOnnxMetadata(bytes, name);
  const sessionOptions: InferenceSession.SessionOptions = {
    intraOpNumThreads: options.threads ?? threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: LOG_ERRORS_ONLY,
    ...(options.executionProviders && { executionProviders: options.executionProviders }),
  };
  const model = await OnnxModel.load(runtime, bytes, sessionOptions, name);
  try {
    return { model, card: modelCard(metadata, options, model, name) };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
