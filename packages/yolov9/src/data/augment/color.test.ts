import { describe, expect, it } from "vitest";

import { finishImage } from "./color.js";

const still = { leftRight: false, upDown: false };
const unchanged = { hue: 1, saturation: 1, value: 1 };

function jitterPixel(
  rgb: readonly [number, number, number],
  gains: { hue: number; saturation: number; value: number },
) {
  const out = new Uint8Array(3);
  finishImage(Uint8Array.from(rgb), { width: 1, height: 1 }, gains, still, out);
  return [...out];
}

describe("HSV jitter", () => {
  it("changes hue in 2-degree steps, as 8-bit HSV does", () => {
    // Hue 60 of 180 is green; times 1.5 it is 90, cyan.
    expect(jitterPixel([0, 255, 0], { ...unchanged, hue: 1.5 })).toEqual([0, 255, 255]);
    // Hue 120 is blue; times 1.5 it is 180, which is red again.
    expect(jitterPixel([0, 0, 255], { ...unchanged, hue: 1.5 })).toEqual([255, 0, 0]);
  });

  it("scales saturation and value, cut at 255", () => {
    expect(jitterPixel([200, 100, 100], { ...unchanged, saturation: 0 })).toEqual([200, 200, 200]);
    // Saturation 127.5 is 127 by the division table; doubled it is 254, of 255.
    expect(jitterPixel([200, 100, 100], { ...unchanged, saturation: 2 })).toEqual([200, 1, 1]);
    expect(jitterPixel([200, 90, 90], { ...unchanged, saturation: 2 })).toEqual([200, 0, 0]);
    expect(jitterPixel([200, 100, 100], { ...unchanged, value: 0.5 })).toEqual([100, 50, 50]);
    expect(jitterPixel([200, 200, 200], { ...unchanged, value: 2 })).toEqual([255, 255, 255]);
    // A grey has no hue and stays grey.
    expect(jitterPixel([114, 114, 114], { hue: 1.3, saturation: 1.7, value: 1.1 })).toEqual([125, 125, 125]);
  });

  it("loses no more than the 8-bit colour space does when nothing changes", () => {
    let largest = 0;
    for (let r = 0; r < 256; r += 15) {
      for (let g = 0; g < 256; g += 15) {
        for (let b = 0; b < 256; b += 15) {
          jitterPixel([r, g, b], unchanged).forEach((level, i) => {
            largest = Math.max(largest, Math.abs(level - [r, g, b][i]!));
          });
        }
      }
    }
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThanOrEqual(5);
  });
});

describe("planes", () => {
  const rgb = Uint8Array.from([10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40]);
  const firstPlane = (flip: { leftRight: boolean; upDown: boolean }) => {
    const out = new Uint8Array(12);
    finishImage(rgb, { width: 2, height: 2 }, unchanged, flip, out);
    expect([...out.subarray(4, 8)]).toEqual([...out.subarray(0, 4)]);
    return [...out.subarray(0, 4)];
  };

  it("are mirrored by the flips", () => {
    expect(firstPlane(still)).toEqual([10, 20, 30, 40]);
    expect(firstPlane({ leftRight: true, upDown: false })).toEqual([20, 10, 40, 30]);
    expect(firstPlane({ leftRight: false, upDown: true })).toEqual([30, 40, 10, 20]);
    expect(firstPlane({ leftRight: true, upDown: true })).toEqual([40, 30, 20, 10]);
  });
});
