import { manualSeed, randn, scope } from "@yolov9/torch";
import { describe, expect, it } from "vitest";
import { fitsFloat16, float16Bits } from "./float16.js";

/** The number that sixteen bits stand for. */
function valueOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

describe("float16Bits", () => {
  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -14 - 2 ** -25, 0x0400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
    [-0, 0x8000],
    [NaN, 0x7e00],
  ])("writes %d as IEEE 754 says", (value, bits) => {
    expect(float16Bits(Float32Array.of(value))[0]).toBe(bits);
  });

  it("rounds as libtorch does, from the smallest to the largest exponent", () => {
    manualSeed(1);
    for (let exponent = -26; exponent < 16; exponent++) {
      const [values, expected] = scope(() => {
        const x = randn([200]).mul(2 ** exponent);
        return [x.toArray() as Float32Array, x.to({ dtype: "float16" }).toArray() as Float32Array];
      });
      expect(Array.from(float16Bits(values), valueOf)).toEqual([...expected]);
    }
  });

  it("knows what has no half", () => {
    expect(fitsFloat16(Float32Array.of(65504, -65504))).toBe(true);
    expect(fitsFloat16(Float32Array.of(65505))).toBe(false);
    expect(fitsFloat16(Float32Array.of(NaN))).toBe(false);
  });
});
