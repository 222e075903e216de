/**
 * The inner loops of augmentation in AssemblyScript, with SIMD: the same arithmetic as the plain TypeScript beside their callers
 * (sample-run.ts, color.ts), several values at a time. Addresses are bytes of the module's memory, whose layout its user decides.
 * `npm run generate:kernels` compiles this file into src/data/augment/kernels.generated.ts.
 */

const WEIGHT_BITS: i32 = 5;
const WEIGHT_ONE: i32 = 32;
const VALUE_BITS: i32 = 10;
const ROUND_VALUE: i32 = 512;

/** Of the pixel at `p` and the one right of it: left * weight + right * weight for R, G and B, in the first three lanes. */
@inline
function acrossPair(p: usize, weights: v128): v128 {
  const zero = i32x4.splat(0);
  const pairs = v128.shuffle<u8>(v128.load64_zero(p), zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
  return i32x4.dot_i16x8_s(pairs, weights);
}

/**
 * A source row interpolated along columns.
 * @param bytes i32[count]: byte of each column's left neighbour in the row. @param weights u8[count]: the right neighbour's
 * @param into u16[count * 3 + 1]
 */
export function interpolateRow(row: usize, bytes: usize, weights: usize, count: i32, into: usize): void {
  for (let x: i32 = 0; x < count; x++) {
    const right = <i32>load<u8>(weights + x);
    const pair = i32x4.splat((WEIGHT_ONE - right) | (right << 16));
    const sums = acrossPair(row + <usize>load<i32>(bytes + (<usize>x << 2)), pair);
    v128.store64_lane(into + <usize>x * 6, i16x8.narrow_i32x4_u(sums, sums), 0);
  }
}

/** Two interpolated rows blended. @param out u8[count] */
export function blendRows(upper: usize, lower: usize, lowerWeight: i32, out: usize, count: i32): void {
  const weights = i32x4.splat((WEIGHT_ONE - lowerWeight) | (lowerWeight << 16));
  const whole = count & ~15;
  for (let i: i32 = 0; i < whole; i += 16) {
    const at = <usize>i << 1;
    const a = blendEight(v128.load(upper + at), v128.load(lower + at), weights);
    const b = blendEight(v128.load(upper + at, 16), v128.load(lower + at, 16), weights);
    v128.store(out + i, i8x16.narrow_i16x8_u(a, b));
  }
  for (let i: i32 = whole; i < count; i++) {
    const at = <usize>i << 1;
    const sum = <i32>load<u16>(upper + at) * (WEIGHT_ONE - lowerWeight) + <i32>load<u16>(lower + at) * lowerWeight;
    store<u8>(out + i, (sum + ROUND_VALUE) >> VALUE_BITS);
  }
}

@inline
function blendEight(upper: v128, lower: v128, weights: v128): v128 {
  const round = i32x4.splat(ROUND_VALUE);
  const first = v128.shuffle<u16>(upper, lower, 0, 8, 1, 9, 2, 10, 3, 11);
  const second = v128.shuffle<u16>(upper, lower, 4, 12, 5, 13, 6, 14, 7, 15);
  const a = i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(first, weights), round), VALUE_BITS);
  const b = i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(second, weights), round), VALUE_BITS);
  return i16x8.narrow_i32x4_s(a, b);
}

/**
 * A run of pixels under any affine map, all of whose neighbours are in one picture.
 * @param pixels address of the picture's pixel at canvas position 0, 0. @param stride bytes a row
 * @param stepX, stepY i32 steps of the run's first pixel on, in 1/1024 pixel. @param rowX, rowY position of column 0
 * @param out u8[count * 3]
 */
export function sampleRun(
  pixels: i32,
  stride: i32,
  stepX: usize,
  stepY: usize,
  rowX: i32,
  rowY: i32,
  out: usize,
  count: i32,
): void {
  const round = i32x4.splat(ROUND_VALUE);
  for (let x: i32 = 0; x < count; x++) {
    const positionX = (rowX + load<i32>(stepX + (<usize>x << 2))) >> WEIGHT_BITS;
    const positionY = (rowY + load<i32>(stepY + (<usize>x << 2))) >> WEIGHT_BITS;
    const right = positionX & (WEIGHT_ONE - 1);
    const lower = positionY & (WEIGHT_ONE - 1);
    const p = <usize>(pixels + (positionY >> WEIGHT_BITS) * stride + (positionX >> WEIGHT_BITS) * 3);
    const pair = i32x4.splat((WEIGHT_ONE - right) | (right << 16));
    const upperSum = i32x4.mul(acrossPair(p, pair), i32x4.splat(WEIGHT_ONE - lower));
    const lowerSum = i32x4.mul(acrossPair(p + stride, pair), i32x4.splat(lower));
    const value = i32x4.shr_s(i32x4.add(i32x4.add(upperSum, lowerSum), round), VALUE_BITS);
    const words = i16x8.narrow_i32x4_s(value, value);
    const levels = i8x16.narrow_i16x8_u(words, words);
    const to = out + <usize>x * 3;
    v128.store16_lane(to, levels, 0);
    v128.store8_lane(to, levels, 2, 2);
  }
}

/** Mixup: first = (first * weight + second * (65536 - weight)) / 65536, fractions dropped. @param count of bytes, a multiple of 8 */
export function mix(first: usize, second: usize, weight: i32, count: i32): void {
  const a = i32x4.splat(weight);
  const b = i32x4.splat(65536 - weight);
  for (let i: i32 = 0; i < count; i += 8) {
    const x = v128.load8x8_u(first + i);
    const y = v128.load8x8_u(second + i);
    const low = mixFour(i32x4.extend_low_i16x8_u(x), i32x4.extend_low_i16x8_u(y), a, b);
    const high = mixFour(i32x4.extend_high_i16x8_u(x), i32x4.extend_high_i16x8_u(y), a, b);
    const words = i16x8.narrow_i32x4_s(low, high);
    v128.store64_lane(first + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
}

@inline
function mixFour(x: v128, y: v128, a: v128, b: v128): v128 {
  return i32x4.shr_u(i32x4.add(i32x4.mul(x, a), i32x4.mul(y, b)), 16);
}

const HUES: i32 = 180;
/** Fixed-point bits of OpenCV's division tables, half of one, and what they divide. */
const SHIFT: i32 = 12;
const HALF: i32 = 2048;
const SATURATION_UNIT: f32 = 1044480; // 255 << 12
const HUE_UNIT: f32 = 122880; // (180 << 12) / 6

/**
 * HSV jitter of one row, written as planes. The arithmetic of color.ts, with the entries of its tables computed instead of looked up.
 * @param rgb u8[width * 3], of which 4 bytes more are read. @param width a multiple of 4
 * @param out address of the row in the red plane; the others follow `plane` bytes on each
 * @param mirrored whether the row is written from right to left
 */
export function jitterRow(
  rgb: usize,
  width: i32,
  hueGain: f32,
  saturationGain: f32,
  valueGain: f32,
  out: usize,
  plane: usize,
  mirrored: bool,
): void {
  const reds = i8x16(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1);
  const greens = i8x16(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1);
  const blues = i8x16(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1);
  const forwards = i8x16(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const backwards = i8x16(12, 8, 4, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const order = mirrored ? backwards : forwards;
  for (let x: i32 = 0; x < width; x += 4) {
    const pixels = v128.load(rgb + <usize>x * 3);
    const r = i8x16.swizzle(pixels, reds);
    const g = i8x16.swizzle(pixels, greens);
    const b = i8x16.swizzle(pixels, blues);
    const high = i32x4.max_s(i32x4.max_s(r, g), b);
    const spread = i32x4.sub(high, i32x4.min_s(i32x4.min_s(r, g), b));
    const sextant = movedSextant(r, g, b, high, spread, hueGain);
    const saturation = scaled(divided(spread, SATURATION_UNIT, high), saturationGain);
    const value = scaled(high, valueGain);
    const depth = f32x4.div(f32x4.mul(value, saturation), f32x4.splat(255));
    const to = out + <usize>(mirrored ? width - 4 - x : x);
    // How far each channel falls below the brightest, round the six sextants of the colour circle.
    const one = f32x4.splat(1);
    const two = f32x4.splat(2);
    const redFall = f32x4.sub(one, unit(f32x4.sub(distance(sextant, 3), one)));
    const greenFall = f32x4.sub(one, unit(f32x4.sub(two, distance(sextant, 2))));
    const blueFall = f32x4.sub(one, unit(f32x4.sub(two, distance(sextant, 4))));
    put(to, value, depth, redFall, order);
    put(to + plane, value, depth, greenFall, order);
    put(to + 2 * plane, value, depth, blueFall, order);
  }
}

/** Hue 0 … 179 after the gain, as 0 … 6. */
@inline
function movedSextant(r: v128, g: v128, b: v128, high: v128, spread: v128, gain: f32): v128 {
  const green = i32x4.add(i32x4.sub(b, r), i32x4.shl(spread, 1));
  const blue = i32x4.add(i32x4.sub(r, g), i32x4.shl(spread, 2));
  const notRed = v128.bitselect(green, blue, i32x4.eq(high, g));
  const angle = v128.bitselect(i32x4.sub(g, b), notRed, i32x4.eq(high, r));
  const hue = divided(angle, HUE_UNIT, spread);
  const positive = i32x4.add(hue, v128.and(i32x4.shr_s(hue, 31), i32x4.splat(HUES)));
  const moved = f32x4.floor(f32x4.mul(f32x4.convert_i32x4_s(positive), f32x4.splat(gain)));
  const circle = f32x4.splat(<f32>HUES);
  return f32x4.div(f32x4.sub(moved, v128.and(f32x4.ge(moved, circle), circle)), f32x4.splat(30));
}

/** Added to a number of 0 … 2^22, this leaves the nearest whole number in the low bits: cheaper than a conversion. */
const MAGIC: f32 = 8388608;
const MAGIC_BITS: i32 = 0x4b000000;

/** numerator * round(unit / divisor) / 4096, rounded: OpenCV's division by table. Where the divisor is 0, so must be the numerator. */
@inline
function divided(numerator: v128, unit: f32, divisor: v128): v128 {
  const quotient = f32x4.div(f32x4.splat(unit), f32x4.convert_i32x4_s(divisor));
  // No quotient of these units lies half-way between whole numbers.
  const entry = i32x4.sub(f32x4.add(quotient, f32x4.splat(MAGIC)), i32x4.splat(MAGIC_BITS));
  return i32x4.shr_s(i32x4.add(i32x4.mul(numerator, entry), i32x4.splat(HALF)), SHIFT);
}

/** Levels times a gain, at most 255, fractions dropped, as f32. */
@inline
function scaled(levels: v128, gain: f32): v128 {
  return f32x4.floor(f32x4.pmin(f32x4.mul(f32x4.convert_i32x4_s(levels), f32x4.splat(gain)), f32x4.splat(255)));
}

@inline
function distance(a: v128, b: f32): v128 {
  return f32x4.abs(f32x4.sub(a, f32x4.splat(b)));
}

/** Cut to 0 … 1. */
@inline
function unit(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, f32x4.splat(1)), f32x4.splat(0));
}

@inline
function put(to: usize, value: v128, depth: v128, fall: v128, order: v128): void {
  const exact = f32x4.add(f32x4.sub(value, f32x4.mul(depth, fall)), f32x4.splat(0.5));
  const levels = f32x4.add(f32x4.floor(exact), f32x4.splat(MAGIC));
  v128.store32_lane(to, i8x16.swizzle(levels, order), 0);
}
