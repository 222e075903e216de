/** IEEE half precision, which JavaScript has no arrays of before version 24 of Node: numbers to the bits that a file holds. */

const LARGEST_HALF = 65504;
/** The smallest number whose exponent a half can hold, 2⁻¹⁴; below it the steps stay as they are there. */
const SMALLEST_NORMAL = 2 ** -14;
const MANTISSA_BITS = 10;
const EXPONENT_BIAS = 15;
const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;

/** The nearest halves, of two equally near ones the even one, as IEEE 754 rounds. Too large numbers become infinite. */
export function float16Bits(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, halfBits);
}

/** Whether every number has a finite half. */
export function fitsFloat16(values: Float32Array): boolean {
  return values.every((value) => Math.abs(value) <= LARGEST_HALF);
}

function halfBits(value: number): number {
  if (Number.isNaN(value)) return NAN_BITS;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = size < SMALLEST_NORMAL ? -14 : Math.floor(Math.log2(size));
  // In steps of the last mantissa bit; a mantissa that rounds up to the next power of two carries into the exponent by itself.
  const steps = roundHalfToEven(size / 2 ** (exponent - MANTISSA_BITS));
  const base = size < SMALLEST_NORMAL ? 0 : (exponent + EXPONENT_BIAS - 1) << MANTISSA_BITS;
  return sign | Math.min(base + steps, INFINITY_BITS);
}

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
