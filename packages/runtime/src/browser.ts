/**
 * The Detector in a browser or worker: models and pictures come from addresses, blobs, bytes or elements of a page, the browser decodes,
 * onnxruntime-web computes. node.ts is its twin; everything between picture and boxes is shared by both.
 */

import { rgbFromPixels, type Pixels, type RgbImage } from "@yolov9/vision";
import { pixelsOf, pixelsOfFile, type CanvasPixels, type Drawable } from "./canvas-pixels.js";
import { DetectorBase, openModel, type LoadOptions } from "./detector.js";
import { onnxRuntime } from "./onnx-runtime-web.js";

export type { CanvasPixels, Drawable } from "./canvas-pixels.js";
export type { Detection, DetectOptions, LoadOptions } from "./detector.js";
export type { ModelCard, ModelCardOptions, LetterboxCard } from "./model-card.js";
export { checkWanted, detectionsOfRows, ROW_LENGTH, type RowFilter, type SuppressionCard } from "./detection-rows.js";
export { METADATA_FORMAT } from "./model-card.js";
export { readOnnxMetadata } from "./onnx-metadata.js";

/** A picture: its address, the file's bytes, something that a canvas can draw, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | Blob | Pixels | CanvasPixels | Drawable;

/** A model: its address, or the file's bytes. */
export type ModelInput = string | URL | Uint8Array | ArrayBuffer | Blob;

declare const navigator: { readonly hardwareConcurrency: number };

export class Detector extends DetectorBase<ImageInput> {
  /**
   * Open an exported model. Several threads need a page isolated from other origins; the first detector of a page decides their number.
   * @throws Error when the file is missing, is no ONNX model, or does not say its class names and `options` do not either
   */
  static async load(source: ModelInput, options: LoadOptions = {}): Promise<Detector> {
    const threads = options.threads ?? navigator.hardwareConcurrency;
    const [{ bytes, name }, ort] = await Promise.all([readModel(source), onnxRuntime(wantsGpu(options), threads)]);
    const { model, card } = await openModel(ort, bytes, name, options, threads);
    return new Detector(model, card, decodeImage);
  }
}

/** Providers that only ONNX Runtime's larger build has. */
const GPU_PROVIDERS = ["webgpu", "webnn"];

function wantsGpu({ executionProviders = [] }: LoadOptions): boolean {
  return executionProviders.some((given) => GPU_PROVIDERS.includes(typeof given === "string" ? given : given.name));
}

/**
 * Pixels of a picture as the browser shows it: EXIF orientation applied, alpha dropped. Colour profiles of files are
 * ignored, as in training; in what the browser has decoded before they are applied.
 * @throws Error that names the address when it cannot be fetched or decoded
 */
export async function decodeImage(image: ImageInput): Promise<RgbImage> {
  if (typeof image === "string" || image instanceof URL) return decodeFile(await fetchBlob(image, "image"), image);
  if (image instanceof Uint8Array) return decodeFile(new Blob([image.slice()]));
  if (image instanceof Blob) return decodeFile(image);
  if (isPixels(image)) return rgbFromPixels({ channels: 4, ...fieldsOf(image) });
  return pixelsOf(image);
}

async function decodeFile(file: Blob, name: string | URL = "image"): Promise<RgbImage> {
  try {
    return await pixelsOfFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${String(name)} cannot be decoded as an image: ${reason}`, { cause });
  }
}

/** Fields of ImageData are accessors of its prototype, which a spread would miss. */
function fieldsOf(image: Pixels | CanvasPixels): CanvasPixels | Pixels {
  const { data, width, height } = image;
  return "channels" in image ? { data, width, height, channels: image.channels } : { data: image.data, width, height };
}

function isPixels(image: Pixels | CanvasPixels | Drawable): image is Pixels | CanvasPixels {
  return "data" in image && (image.data instanceof Uint8Array || image.data instanceof Uint8ClampedArray);
}

async function readModel(source: ModelInput): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof Uint8Array) return { bytes: source, name: "model" };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: "model" };
  const blob = source instanceof Blob ? source : await fetchBlob(source, "model");
  return { bytes: new Uint8Array(await blob.arrayBuffer()), name: source instanceof Blob ? "model" : String(source) };
}

async function fetchBlob(address: string | URL, what: string): Promise<Blob> {
  const response = await fetch(address);
  if (!response.ok)
    throw new Error(`${what} ${String(address)}: the server answers ${response.status} ${response.statusText}`);
  return response.blob();
}
