/**
 * Resampling of interleaved RGB with OpenCV's conventions, since published weights were trained and measured with its pixels: `bilinear`
 * is its INTER_LINEAR (half-pixel centres, no antialiasing, 11-bit weights), `area` its INTER_AREA (mean of the covered source pixels).
 * The `…Into` forms write into a part of a larger picture, so that a letterbox costs no second copy.
 */

import type { RgbImage } from "./image.js";

/** A rectangle inside a larger interleaved RGB picture. */
export interface ResizeTarget {
  readonly data: Uint8Array;
  /** Size of the rectangle in pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
  /** Byte of the rectangle's first pixel. */
  readonly offset: number;
}

/** Interpolated between the four nearest source pixels. @returns a new picture of `width` x `height` pixels */
export function resizeBilinear(image: RgbImage, width: number, height: number): RgbImage {
  return resized(image, width, height, resizeBilinearInto);
}

/**
 * Mean of the source pixels that each target pixel covers. Where one side grows there is no area to average, and it interpolates.
 * @returns a new picture of `width` x `height` pixels
 */
export function resizeArea(image: RgbImage, width: number, height: number): RgbImage {
  return resized(image, width, height, resizeAreaInto);
}

function resized(
  image: RgbImage,
  width: number,
  height: number,
  into: (image: RgbImage, target: ResizeTarget) => void,
): RgbImage {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new RangeError(`resize to ${width}x${height}: width and height must be positive integers`);
  }
  const data = new Uint8Array(width * height * 3);
  into(image, { data, width, height, stride: width * 3, offset: 0 });
  return { data, width, height };
}

/** Weights are integers of this many bits, as in OpenCV, which makes results equal to its to the last bit. */
const WEIGHT_BITS = 11;

/** For each target position along one axis: the two source positions and their integer weights, which sum to 2^11. */
interface LinearTaps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

function linearTaps(sourceSize: number, targetSize: number): LinearTaps {
  const first = new Int32Array(targetSize);
  const second = new Int32Array(targetSize);
  const firstWeight = new Int32Array(targetSize);
  const secondWeight = new Int32Array(targetSize);
  const scale = 1 / (targetSize / sourceSize);
  for (let i = 0; i < targetSize; i++) {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    const cell = Math.floor(position);
    first[i] = Math.min(Math.max(cell, 0), sourceSize - 1);
    second[i] = Math.min(Math.max(cell + 1, 0), sourceSize - 1);
    secondWeight[i] = Math.round(Math.fround(position - cell) * (1 << WEIGHT_BITS));
    firstWeight[i] = (1 << WEIGHT_BITS) - secondWeight[i]!;
  }
  return { first, second, firstWeight, secondWeight };
}

/** `resizeBilinear` into a part of a larger picture. Rows are interpolated along x once and kept while two target rows need them. */
export function resizeBilinearInto(image: RgbImage, target: ResizeTarget): void {
  if (image.width === target.width && image.height === target.height) {
    copyInto(image, target);
    return;
  }
  const columns = linearTaps(image.width, target.width);
  const rows = linearTaps(image.height, target.height);
  let upper = new Int32Array(target.width * 3);
  let lower = new Int32Array(target.width * 3);
  let upperRow = -1;
  let lowerRow = -1;
  for (let y = 0; y < target.height; y++) {
    const first = rows.first[y]!;
    const second = rows.second[y]!;
    if (first === lowerRow) {
      [upper, lower] = [lower, upper];
      [upperRow, lowerRow] = [lowerRow, upperRow];
    }
    if (first !== upperRow) interpolateRow(image, first, columns, upper);
    if (second !== lowerRow) interpolateRow(image, second, columns, lower);
    upperRow = first;
    lowerRow = second;
    blendRows(upper, lower, rows.firstWeight[y]!, rows.secondWeight[y]!, target, y);
  }
}

function interpolateRow(image: RgbImage, row: number, taps: LinearTaps, out: Int32Array): void {
  const { data } = image;
  const { first, second, firstWeight, secondWeight } = taps;
  const start = row * image.width * 3;
  for (let x = 0, to = 0; x < first.length; x++, to += 3) {
    const left = start + first[x]! * 3;
    const right = start + second[x]! * 3;
    const leftWeight = firstWeight[x]!;
    const rightWeight = secondWeight[x]!;
    out[to] = data[left]! * leftWeight + data[right]! * rightWeight;
    out[to + 1] = data[left + 1]! * leftWeight + data[right + 1]! * rightWeight;
    out[to + 2] = data[left + 2]! * leftWeight + data[right + 2]! * rightWeight;
  }
}

/** Weighted sum of two rows of 19-bit values; dropping 4 bits first keeps every product within 32 bits, as OpenCV does. */
function blendRows(
  upper: Int32Array,
  lower: Int32Array,
  upperWeight: number,
  lowerWeight: number,
  target: ResizeTarget,
  y: number,
): void {
  const { data } = target;
  const start = target.offset + y * target.stride;
  for (let x = 0; x < upper.length; x++) {
    data[start + x] = (((upperWeight * (upper[x]! >> 4)) >> 16) + ((lowerWeight * (lower[x]! >> 4)) >> 16) + 2) >> 2;
  }
}

/** Runs of source positions that each target position covers, with the share of it that each gives (shares sum to 1). */
interface AreaTaps {
  /** [targetSize + 1] where each target position's run starts in `weights`. */
  readonly starts: Int32Array;
  /** [targetSize] first source position of each run. */
  readonly sources: Int32Array;
  readonly weights: Float64Array;
}

/** Slivers thinner than this are left out, as in OpenCV: they come from rounding of the scale. */
const SLIVER = 1e-3;

function areaTaps(sourceSize: number, targetSize: number): AreaTaps {
  const scale = sourceSize / targetSize;
  const starts = new Int32Array(targetSize + 1);
  const sources = new Int32Array(targetSize);
  const weights: number[] = [];
  for (let i = 0; i < targetSize; i++) {
    const from = i * scale;
    const to = Math.min(from + scale, sourceSize);
    let cell = Math.floor(from);
    if (cell + 1 - from <= SLIVER) cell++;
    sources[i] = cell;
    for (; cell < sourceSize && to - cell > SLIVER; cell++) {
      weights.push((Math.min(cell + 1, to) - Math.max(cell, from)) / (to - from));
    }
    starts[i + 1] = weights.length;
  }
  return { starts, sources, weights: Float64Array.from(weights) };
}

/** `resizeArea` into a part of a larger picture. Halving is the mean of four pixels under either kernel. */
export function resizeAreaInto(image: RgbImage, target: ResizeTarget): void {
  const grows = target.width > image.width || target.height > image.height;
  const halves = target.width * 2 === image.width && target.height * 2 === image.height;
  const copies = target.width === image.width && target.height === image.height;
  if (grows || halves || copies) {
    resizeBilinearInto(image, target);
    return;
  }
  const columns = areaTaps(image.width, target.width);
  const rows = areaTaps(image.height, target.height);
  const sums = new Float64Array(target.width * 3);
  // A clamped array rounds halves to even, as OpenCV does here.
  const bytes = new Uint8ClampedArray(target.data.buffer, target.data.byteOffset, target.data.length);
  for (let y = 0; y < target.height; y++) {
    sums.fill(0);
    const begin = rows.starts[y]!;
    for (let tap = begin; tap < rows.starts[y + 1]!; tap++) {
      addAveragedRow(image, rows.sources[y]! + tap - begin, columns, rows.weights[tap]!, sums);
    }
    bytes.set(sums, target.offset + y * target.stride);
  }
}

function addAveragedRow(image: RgbImage, row: number, taps: AreaTaps, rowWeight: number, sums: Float64Array): void {
  const { data } = image;
  const { starts, sources, weights } = taps;
  for (let x = 0; x < sources.length; x++) {
    let from = (row * image.width + sources[x]!) * 3;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let tap = starts[x]!; tap < starts[x + 1]!; tap++, from += 3) {
      const weight = weights[tap]!;
      red += data[from]! * weight;
      green += data[from + 1]! * weight;
      blue += data[from + 2]! * weight;
    }
    const to = x * 3;
    sums[to] = sums[to]! + red * rowWeight;
    sums[to + 1] = sums[to + 1]! + green * rowWeight;
    sums[to + 2] = sums[to + 2]! + blue * rowWeight;
  }
}

function copyInto(image: RgbImage, target: ResizeTarget): void {
  const bytes = image.width * 3;
  for (let y = 0; y < image.height; y++) {
    target.data.set(image.data.subarray(y * bytes, (y + 1) * bytes), target.offset + y * target.stride);
  }
}
