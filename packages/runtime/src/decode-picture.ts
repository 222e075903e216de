/**
 * Image files to RGB pixels, through sharp, within limits that keep a small file from costing all memory. On its own, so that those who
 * only decode (the workers that load training images) need not load ONNX Runtime.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { MAX_PIXELS, rgbFromPixels, type RgbImage } from "@yolov9/vision";
import sharp, { type Sharp, type SharpOptions } from "sharp";

/** What a file may be to be decoded. */
export interface PictureLimits {
  /** A picture of more pixels is refused by its header, before it is decoded. Default `MAX_PIXELS`. */
  readonly maxPixels?: number | undefined;
  /** Whether everything is decoded that sharp can open, SVG for one. Default: JPEG, PNG, WebP, GIF, TIFF and AVIF. */
  readonly anyFormat?: boolean | undefined;
}

/**
 * Pixels of a picture: EXIF orientation applied, alpha dropped, grey, CMYK and 16 bits converted, colour profile ignored, as the published
 * models were trained and measured. Of several pages or frames, the first.
 * @param source path or bytes of an image file
 * @throws Error with the decoder's words when it is missing, truncated or no image, or saying which limit it exceeds
 */
export async function decodePicture(source: string | Uint8Array, limits: PictureLimits = {}): Promise<RgbImage> {
  try {
    const { data, info } = await openPicture(source, limits, { failOn: "error", ignoreIcc: true })
      .autoOrient()
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return rgbFromPixels({ data, width: info.width, height: info.height, channels: info.channels });
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("exceeds pixel limit"))) throw error;
    const { width, height } = await sharp(source, { limitInputPixels: false }).metadata();
    throw new Error(pixelLimitMessage(width, height, limits.maxPixels), { cause: error });
  }
}

/**
 * A file or bytes as a picture whose pixels are not decoded yet; decoding fails beyond the limit.
 * @throws Error when it is of another format than those that are decoded
 */
export function openPicture(
  source: string | Uint8Array,
  { maxPixels = MAX_PIXELS, anyFormat = false }: PictureLimits = {},
  options: SharpOptions = {},
): Sharp {
  if (!anyFormat) requirePictureFormat(source);
  const limitInputPixels = Number.isFinite(maxPixels) && maxPixels;
  return sharp(source, { ...options, limitInputPixels });
}

/** Says that a picture has too many pixels, and what to do about it. */
export function pixelLimitMessage(width: number, height: number, maxPixels = MAX_PIXELS): string {
  const [has, most] = [(width * height) / 1e6, maxPixels / 1e6].map((value) => String(Number(value.toPrecision(3))));
  return `${width} x ${height} px are ${has!} megapixels, more than the limit of ${most!} (--max-megapixels, maxPixels)`;
}

/** Enough to know a format by. */
const HEAD_BYTES = 16;

/** How files of each format begin; any byte may stand for a dot. */
const BEGINNINGS: readonly RegExp[] = [
  /^\xff\xd8\xff/, // JPEG
  /^\x89PNG/,
  /^RIFF....WEBP/s,
  /^GIF8/,
  /^(II[*+]\0|MM\0[*+])/, // TIFF
  /^....ftyp/s, // AVIF; the decoder knows no other file of this family
];

/** By content, whatever the name. What cannot be read or is too short is left to the decoder, which says why. */
function requirePictureFormat(source: string | Uint8Array): void {
  const head = typeof source === "string" ? headOf(source) : source.subarray(0, HEAD_BYTES);
  if (head === undefined || head.length < HEAD_BYTES) return;
  const text = String.fromCharCode(...head);
  if (BEGINNINGS.some((beginning) => beginning.test(text))) return;
  const drawing = /^(\xef\xbb\xbf)?\s*</.test(text) ? "SVG or other markup" : "no picture";
  throw new Error(`${drawing}: JPEG, PNG, WebP, GIF, TIFF and AVIF are decoded (--any-format of detect, anyFormat)`);
}

/** Synchronous on purpose: it takes a few microseconds, and asynchronous reading a round through the thread pool a call. */
function headOf(path: string): Uint8Array | undefined {
  try {
    // Without waiting for somebody who writes, should it be a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const head = new Uint8Array(HEAD_BYTES);
      return head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}
