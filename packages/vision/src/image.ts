/**
 * Pictures as plain bytes: what the rest of the project passes between decoder, letterbox and model. One layout, interleaved RGB;
 * other channel counts are turned into it here. Resampling is in resize.ts, geometry in letterbox.ts; nothing is decoded or drawn here.
 */

import { letterboxGeometry, type LetterboxGeometry, type LetterboxOptions } from "./letterbox.js";
import { resizeAreaInto, resizeBilinearInto } from "./resize.js";

/** Interleaved 8-bit RGB, row-major, no padding between rows: `data.length === width * height * 3`. */
export interface RgbImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Interleaved 8-bit pixels with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels. */
export interface Pixels extends RgbImage {
  readonly channels: number;
}

/** The published models' grey for pixels outside the picture. */
export const LETTERBOX_PAD = 114;

/** How pixels are resampled; `auto` averages areas when the picture shrinks and interpolates when it grows. */
export type ResizeKernel = "linear" | "area" | "auto";

export interface LetterboxImageOptions extends LetterboxOptions {
  /** Grey level 0 … 255 of the padding. Default 114. */
  readonly pad?: number;
  /** Default "auto". */
  readonly kernel?: ResizeKernel;
}

/**
 * RGB from pixels of any supported channel count. Alpha is dropped, not blended: colours come as they are stored.
 * RGB input is returned as it is, without a copy.
 * @throws RangeError when the channel count is unknown or the byte count does not fit the size
 */
export function rgbFromPixels({ data, width, height, channels }: Pixels): RgbImage {
  if (![1, 2, 3, 4].includes(channels)) {
    throw new RangeError(`pixels have ${channels} channels; give 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)`);
  }
  checkSize({ data, width, height }, channels);
  if (channels === 3) return { data, width, height };
  const rgb = new Uint8Array(width * height * 3);
  const green = channels < 3 ? 0 : 1;
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + green]!;
    rgb[to + 2] = data[from + 2 * green]!;
  }
  return { data: rgb, width, height };
}

/**
 * Scale a picture into a grey target of fixed size, aspect ratio kept: the one letterbox of training, validation and detection.
 * @returns the target and the geometry that leads back to source pixels
 * @throws RangeError when the image's bytes do not fit its size
 */
export function letterboxImage(
  image: RgbImage,
  targetWidth: number,
  targetHeight: number,
  { pad = LETTERBOX_PAD, kernel = "auto", ...options }: LetterboxImageOptions = {},
): { image: RgbImage; geometry: LetterboxGeometry } {
  checkSize(image, 3);
  const geometry = letterboxGeometry(image.width, image.height, targetWidth, targetHeight, options);
  const data = new Uint8Array(targetWidth * targetHeight * 3).fill(pad);
  const target = {
    data,
    width: geometry.resizedWidth,
    height: geometry.resizedHeight,
    stride: targetWidth * 3,
    offset: (geometry.padTop * targetWidth + geometry.padLeft) * 3,
  };
  if (kernel === "area" || (kernel === "auto" && geometry.ratio < 1)) resizeAreaInto(image, target);
  else resizeBilinearInto(image, target);
  return { image: { data, width: targetWidth, height: targetHeight }, geometry };
}

/** x / 255 in float32 for every byte x. */
const UNIT = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/**
 * Write a picture as model input: planar R, G, B, each row-major, 0 … 1.
 * @param out receives 3 * height * width floats from `offset` on
 * @throws RangeError when `out` is too short
 */
export function toPlanarFloat(image: RgbImage, out: Float32Array, offset = 0): void {
  const plane = image.width * image.height;
  if (offset < 0 || out.length < offset + 3 * plane) {
    throw new RangeError(`planar output has ${out.length} floats, but ${3 * plane} from ${offset} on are needed`);
  }
  const { data } = image;
  for (let pixel = 0, from = 0; pixel < plane; pixel++, from += 3) {
    const to = offset + pixel;
    out[to] = UNIT[data[from]!]!;
    out[to + plane] = UNIT[data[from + 1]!]!;
    out[to + 2 * plane] = UNIT[data[from + 2]!]!;
  }
}

/**
 * Write a picture as planes R, G, B of bytes, or into a rectangle of larger planes.
 * @param out [3, height, planes.width]; what lies outside of the rectangle stays as it is
 * @param planes width of the planes and where in them the picture's upper left corner is. Default: the picture fills them
 */
export function toPlanarBytes(
  { data, width, height }: RgbImage,
  out: Uint8Array,
  planes: { readonly width: number; readonly left: number; readonly top: number } = { width, left: 0, top: 0 },
): void {
  const plane = out.length / 3;
  let from = 0;
  for (let y = 0; y < height; y++) {
    const row = (planes.top + y) * planes.width + planes.left;
    for (let to = row; to < row + width; to++, from += 3) {
      out[to] = data[from]!;
      out[to + plane] = data[from + 1]!;
      out[to + 2 * plane] = data[from + 2]!;
    }
  }
}

function checkSize({ data, width, height }: RgbImage, channels: number): void {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(`image of ${width}x${height}: width and height must be positive integers`);
  }
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `image of ${width}x${height} with ${channels} channels needs ${width * height * channels} bytes, not ${data.length}`,
    );
  }
}

/** 100 megapixels are 300 MB of RGB: more than nearly every camera makes, and bearable in several threads. Larger files are not decoded. */
export const MAX_PIXELS = 100e6;
