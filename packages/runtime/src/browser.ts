/**
 * The Detector in a browser or worker: models and pictures come from addresses, blobs, bytes or elements of a page, the browser decodes,
 * onnxruntime-web computes. node.ts is its twin; everything between picture and boxes is shared by both.
 */

import { rgbFromPixels, type Pixels, type RgbImage } from "@yolov9/vision";
import { DetectorBase, openModel, type LoadOptions } from "./detector.js";

export type { Detection, DetectOptions, LoadOptions } from "./detector.js";
export type { ModelCard, ModelCardOptions, LetterboxCard } from "./model-card.js";
export { checkWanted, detectionsOfRows, ROW_LENGTH, type RowFilter, type SuppressionCard } from "./detection-rows.js";
export { METADATA_FORMAT } from "./model-card.js";
export { readOnnxMetadata } from "./onnx-metadata.js";

/** ImageData, which has the shape of RGBA pixels but no channel count. */
export interface CanvasPixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Whatever a canvas can draw: ImageBitmap, image, canvas, video frame. Its size in pixels is under one of these names. */
export interface Drawable {
  readonly width?: unknown;
  readonly height?: unknown;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
}

/** A picture: its address, the file's bytes, something that a canvas can draw, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | Blob | Pixels | CanvasPixels | Drawable;

/** A model: its address, or the file's bytes. */
export type ModelInput = string | URL | Uint8Array | ArrayBuffer | Blob;

// The few names of the browser that are used, declared here so that this package compiles without the DOM's types.
declare const OffscreenCanvas: new (
  width: number,
  height: number,
) => {
  getContext(
    kind: "2d",
    settings: { willReadFrequently: boolean },
  ): {
    drawImage(image: Drawable, x: number, y: number, width: number, height: number): void;
    getImageData(x: number, y: number, width: number, height: number): CanvasPixels;
  } | null;
};
declare const navigator: { readonly hardwareConcurrency: number };
declare const crossOriginIsolated: boolean | undefined;
declare function createImageBitmap(
  image: Blob,
  options: { colorSpaceConversion: "none" },
): Promise<Drawable & { close(): void }>;

export class Detector extends DetectorBase<ImageInput> {
  /**
   * Open an exported model.
   * @throws Error when the file is missing, is no ONNX model, or does not say its class names and `options` do not either
   */
  static async load(source: ModelInput, options: LoadOptions = {}): Promise<Detector> {
    const threads = options.threads ?? navigator.hardwareConcurrency;
    // Imported here and not above, bundlers give ONNX Runtime a file of its own. Its threads are workers that run the file it is in, which
    // must not be the page's.
    const ort = await import("onnxruntime-web");
    // Only pages isolated from other origins may share memory between threads; asking for it elsewhere prints a warning.
    if (typeof crossOriginIsolated !== "undefined" && crossOriginIsolated) ort.env.wasm.numThreads = threads;
    const { bytes, name } = await readModel(source);
    const { model, card } = await openModel(ort, bytes, name, options, threads);
    return new Detector(model, card, decodeImage);
  }
}

/**
 * Pixels of a picture as the browser shows it: EXIF orientation applied, alpha dropped. Colour profiles of files are
 * ignored, as in training; in what the browser has decoded before they are applied.
 * @throws Error when it cannot be fetched, decoded or drawn
 */
export async function decodeImage(image: ImageInput): Promise<RgbImage> {
  if (typeof image === "string" || image instanceof URL) return decodeBlob(await fetchBlob(image, "image"));
  if (image instanceof Uint8Array) return decodeBlob(new Blob([image.slice()]));
  if (image instanceof Blob) return decodeBlob(image);
  if (isPixels(image)) return rgbFromPixels({ channels: 4, ...fieldsOf(image) });
  return draw(image);
}

/** Fields of ImageData are accessors of its prototype, which a spread would miss. */
function fieldsOf(image: Pixels | CanvasPixels): CanvasPixels | Pixels {
  const { data, width, height } = image;
  return "channels" in image ? { data, width, height, channels: image.channels } : { data: image.data, width, height };
}

function isPixels(image: Pixels | CanvasPixels | Drawable): image is Pixels | CanvasPixels {
  return "data" in image && (image.data instanceof Uint8Array || image.data instanceof Uint8ClampedArray);
}

async function decodeBlob(blob: Blob): Promise<RgbImage> {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  try {
    return draw(bitmap);
  } finally {
    bitmap.close();
  }
}

function draw(image: Drawable): RgbImage {
  const width = image.naturalWidth ?? image.videoWidth ?? image.displayWidth ?? Number(image.width);
  const height = image.naturalHeight ?? image.videoHeight ?? image.displayHeight ?? Number(image.height);
  if (!(width > 0 && height > 0)) {
    throw new Error(
      "the image has no size: wait until it has loaded, or pass pixels { data, width, height, channels }",
    );
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2d canvas to read pixels with");
  context.drawImage(image, 0, 0, width, height);
  return rgbFromPixels({ channels: 4, ...fieldsOf(context.getImageData(0, 0, width, height)) });
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
