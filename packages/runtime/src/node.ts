/**
 * The Detector in Node: models and pictures come from files, addresses or bytes, sharp decodes, onnxruntime-node computes.
 * browser.ts is its twin; everything between picture and boxes is shared by both.
 */

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { rgbFromPixels, type Pixels, type RgbImage } from "@yolov9/vision";
import * as ort from "onnxruntime-node";
import { decodePicture, type PictureLimits } from "./decode-picture.js";
import { DetectorBase, openModel, type LoadOptions as CommonLoadOptions } from "./detector.js";

export type { Detection, DetectOptions } from "./detector.js";
export type { PictureLimits } from "./decode-picture.js";
export type { ModelCard, ModelCardOptions, LetterboxCard } from "./model-card.js";
export { checkWanted, detectionsOfRows, ROW_LENGTH, type RowFilter, type SuppressionCard } from "./detection-rows.js";
export { METADATA_FORMAT } from "./model-card.js";
export { readOnnxMetadata } from "./onnx-metadata.js";

/** How a model is run, and which pictures are decoded. */
export interface LoadOptions extends CommonLoadOptions, PictureLimits {}

/** A picture: a file's path or URL, the bytes of such a file, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | Pixels;

/** A model: a file's path or URL, or its bytes. */
export type ModelInput = string | URL | Uint8Array | ArrayBuffer;

export class Detector extends DetectorBase<ImageInput> {
  /**
   * Open an exported model.
   * @throws Error when the file is missing, is no ONNX model, or does not say its class names and `options` do not either
   */
  static async load(source: ModelInput, options: LoadOptions = {}): Promise<Detector> {
    const { bytes, name } = await readModel(source);
    const { model, card } = await openModel(ort, bytes, name, options, availableParallelism());
    return new Detector(model, card, (image) => decodeImage(image, options));
  }
}

/**
 * Pixels of a picture, or raw pixels as RGB.
 * @throws Error that names the file when it is missing, cannot be decoded or exceeds a limit
 */
export async function decodeImage(image: ImageInput, limits: PictureLimits = {}): Promise<RgbImage> {
  if (typeof image === "object" && "width" in image) return rgbFromPixels(image);
  const { bytes, name } = image instanceof Uint8Array ? { bytes: image, name: "image" } : await read(image, "image");
  try {
    return await decodePicture(bytes, limits);
  } catch (cause) {
    throw new Error(`${name} cannot be decoded as an image: ${messageOf(cause)}`, { cause });
  }
}

async function readModel(source: ModelInput): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof Uint8Array) return { bytes: source, name: "model" };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: "model" };
  return read(source, "model");
}

/** A file or address as bytes, and its name for errors. */
async function read(source: string | URL, what: string): Promise<{ bytes: Uint8Array; name: string }> {
  const address = String(source);
  if (/^https?:/.test(address)) {
    const response = await fetch(address);
    if (!response.ok)
      throw new Error(`${what} ${address}: the server answers ${response.status} ${response.statusText}`);
    return {
      bytes: new Uint8Array(await response.arrayBuffer()),
      name: basename(new URL(address).pathname) || address,
    };
  }
  const path = address.startsWith("file:") ? fileURLToPath(address) : address;
  try {
    return { bytes: await readFile(path), name: path };
  } catch (cause) {
    throw new Error(`${what} ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
