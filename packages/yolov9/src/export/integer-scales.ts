/**
 * Numbers as 8-bit integers, q = round(x / scale) + zeroPoint: weights symmetrically with a scale an output channel, features
 * with one scale and a zero point, as ONNX's QuantizeLinear defines them.
 */

export const INT8_LARGEST = 127;
const UINT8_LARGEST = 255;
/** Keeps scales of all-zero channels from being zero. */
const SMALLEST_SCALE = 1e-9;

/** Smallest and largest value of a feature. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface FeatureScale {
  readonly scale: number;
  /** The uint8 that stands for 0. */
  readonly zeroPoint: number;
}

/** The scale that spreads a range, with 0 made part of it, over uint8; zero itself has no error. */
export function featureScale({ min, max }: Range): FeatureScale {
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const scale = Math.fround(Math.max((high - low) / UINT8_LARGEST, SMALLEST_SCALE));
  return { scale, zeroPoint: Math.min(UINT8_LARGEST, Math.max(0, Math.round(-low / scale))) };
}

export interface QuantisedWeights {
  /** As `weight`, −largest … largest. */
  readonly values: Int8Array<ArrayBuffer>;
  /** [channels] */
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * @param weight [channels, …], row-major
 * @param largest what a channel's largest weight becomes
 */
export function quantiseWeights(weight: Float32Array, channels: number, largest = INT8_LARGEST): QuantisedWeights {
  const length = weight.length / channels;
  const values = new Int8Array(weight.length);
  const scales = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const row = weight.subarray(channel * length, (channel + 1) * length);
    const size = row.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const scale = Math.fround(Math.max(size / largest, SMALLEST_SCALE));
    scales[channel] = scale;
    for (let i = 0; i < length; i++) values[channel * length + i] = Math.round(row[i]! / scale);
  }
  return { values, scales };
}

/** Biases in the units of the products that they are added to, a scale a channel. */
export function quantiseBias(bias: Float32Array, scales: Float32Array): Int32Array<ArrayBuffer> {
  return Int32Array.from(bias, (x, channel) => Math.round(x / scales[channel]!));
}
