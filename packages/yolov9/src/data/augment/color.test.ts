import { describe, expect, it } from "vitest";

import { drawHsv, finishImage, type HsvGains } from "./color.js";
import { defaultAugment } from "./config.js";
import { Random } from "./random.js";
import { Workspace } from "./workspace.js";

const still = { leftRight: false, upDown: false };
const unchanged = { hue: 1, saturation: 1, value: 1 };

/** @param rgb interleaved. @returns planes */
function finish(rgb: readonly number[], width: number, gains: HsvGains, flip = still): Uint8Array {
  const height = rgb.length / 3 / width;
  const workspace = new Workspace({ pixels: width * height, width, sourceBytes: 0 });
  workspace.first.set(rgb);
  const out = new Uint8Array(rgb.length);
  finishImage(workspace, { width, height }, gains, flip, out);
  return out;
}

function jitterPixel(rgb: readonly [number, number, number], gains: HsvGains) {
  const planes = finish([...rgb, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4, gains);
  return [planes[0]!, planes[4]!, planes[8]!];
}

const table = (unit: number, divisor: number) => (divisor === 0 ? 0 : Math.round(unit / divisor));

/** OpenCV's 8-bit conversion there and back with the gains between, as it is written down. */
function plainJitter([r, g, b]: [number, number, number], gains: HsvGains): [number, number, number] {
  const high = Math.max(r, g, b);
  const spread = high - Math.min(r, g, b);
  const angle = high === r ? g - b : high === g ? b - r + 2 * spread : r - g + 4 * spread;
  const hue = (angle * table((180 << 12) / 6, spread) + 2048) >> 12;
  const moved = Math.floor(((hue < 0 ? hue + 180 : hue) * gains.hue) % 180) / 30;
  const s = Math.floor(Math.min(((spread * table(255 << 12, high) + 2048) >> 12) * gains.saturation, 255)) / 255;
  const v = Math.floor(Math.min(high * gains.value, 255));
  const f = moved % 1;
  const [p, q, t] = [v * (1 - s), v * (1 - s * f), v * (1 - s * (1 - f))];
  const sectors = [[v, t, p], [q, v, p], [p, v, t], [p, q, v], [t, p, v], [v, p, q]]; // prettier-ignore
  return sectors[Math.floor(moved)]!.map((level) => Math.floor(level + 0.5)) as [number, number, number];
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
    const levels = Array.from({ length: 18 }, (_, i) => i * 15);
    const colours = levels.flatMap((r) => levels.flatMap((g) => levels.map((b) => [r, g, b] as const)));
    const planes = finish(colours.flat(), colours.length, unchanged);
    const differences = colours.flatMap((colour, i) =>
      colour.map((level, channel) => Math.abs(level - planes[channel * colours.length + i]!)),
    );
    expect(Math.max(...differences)).toBeGreaterThan(0);
    expect(Math.max(...differences)).toBeLessThanOrEqual(5);
  });

  it("equals the formulas in double precision over 1,000 draws: within one level, and nearly always exactly", () => {
    const random = new Random(1);
    const pixels = 40;
    let [compared, different, worst] = [0, 0, 0];
    for (let draw = 0; draw < 1000; draw++) {
      const gains = drawHsv(random, { ...defaultAugment, hsvH: 0.5 });
      const rgb = Array.from({ length: pixels * 3 }, () => random.integer(256));
      const planes = finish(rgb, pixels, gains);
      for (let i = 0; i < rgb.length; i += 3) {
        plainJitter(rgb.slice(i, i + 3) as [number, number, number], gains).forEach((level, channel) => {
          const difference = Math.abs(level - planes[channel * pixels + i / 3]!);
          worst = Math.max(worst, difference);
          compared++;
          if (difference > 0) different++;
        });
      }
    }
    expect(worst).toBeLessThanOrEqual(1);
    expect(different / compared).toBeLessThan(0.01);
  });
});

describe("planes", () => {
  /** 4 x 2 greys: 10 20 30 40 above 50 60 70 80. */
  const rgb = [10, 20, 30, 40, 50, 60, 70, 80].flatMap((level) => [level, level, level]);
  const firstPlane = (flip: { leftRight: boolean; upDown: boolean }) => {
    const out = finish(rgb, 4, unchanged, flip);
    expect([...out.subarray(8, 16)]).toEqual([...out.subarray(0, 8)]);
    return [...out.subarray(0, 8)];
  };

  it("are mirrored by the flips", () => {
    expect(firstPlane(still)).toEqual([10, 20, 30, 40, 50, 60, 70, 80]);
    expect(firstPlane({ leftRight: true, upDown: false })).toEqual([40, 30, 20, 10, 80, 70, 60, 50]);
    expect(firstPlane({ leftRight: false, upDown: true })).toEqual([50, 60, 70, 80, 10, 20, 30, 40]);
    expect(firstPlane({ leftRight: true, upDown: true })).toEqual([80, 70, 60, 50, 40, 30, 20, 10]);
  });
});
