import { describe, expect, it } from "vitest";

import { AugmentConfig, defaultAugment } from "../config.js";
import { Random } from "../random.js";
import { blur } from "./blur.js";
import { clahe } from "./clahe.js";
import { drawEffects, effectNames } from "./effects.js";
import { erase } from "./erasing.js";
import { gamma, lowLight } from "./exposure.js";
import { grey } from "./grey.js";
import { jpeg } from "./jpeg.js";
import { median } from "./median.js";
import { addNoise } from "./noise.js";

const [width, height] = [64, 48];

/** All three channels from one function of place. */
function image(level: (x: number, y: number) => number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    level(Math.floor(i / 3) % width, Math.floor(i / 3 / width)),
  );
  return { data, width, height };
}

function deviation(data: Uint8Array): number {
  const mean = data.reduce((sum, level) => sum + level, 0) / data.length;
  return Math.sqrt(data.reduce((sum, level) => sum + (level - mean) ** 2, 0) / data.length);
}

/** Mean of a mirrored neighbourhood, or its median, the slow way. */
function neighbourhood(source: Uint8Array, x: number, y: number, radius: number): number[] {
  const mirror = (i: number, count: number) => (i < 0 ? -i : i >= count ? 2 * count - 2 - i : i);
  const values: number[] = [];
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) {
      values.push(source[(mirror(y + dy, height) * width + mirror(x + dx, width)) * 3]!);
    }
  }
  return values.sort((a, b) => a - b);
}

describe("filters", () => {
  const random = new Random(5);
  const noisy = image(() => random.integer(256));

  it.each([1, 2, 3])("blur is the mean of the neighbours, radius %i", (radius) => {
    const source = noisy.data.slice();
    const copy = { ...noisy, data: source.slice() };
    blur(copy, radius);
    for (const [x, y] of [
      [0, 0],
      [63, 47],
      [7, 3],
      [12, 0],
      [1, 14],
    ] as const) {
      const values = neighbourhood(source, x, y, radius);
      const mean = values.reduce((a, b) => a + b) / values.length;
      expect(Math.abs(copy.data[(y * width + x) * 3]! - mean)).toBeLessThanOrEqual(0.5);
    }
  });

  it.each([1, 2, 3])("median is the middle one of the neighbours, radius %i", (radius) => {
    const source = noisy.data.slice();
    const copy = { ...noisy, data: source.slice() };
    median(copy, radius);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const values = neighbourhood(source, x, y, radius);
        expect(copy.data[(y * width + x) * 3]).toBe(values[(values.length - 1) / 2]);
      }
    }
  });

  it("grey weighs the channels as the eye does", () => {
    const pixels = { data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 200), width: 4, height: 1 };
    grey(pixels);
    expect([...pixels.data]).toEqual([76, 76, 76, 150, 150, 150, 29, 29, 29, 200, 200, 200]);
  });

  it("clahe spreads a narrow range of levels, more with a higher limit, and leaves hues", () => {
    // Large enough for the limit to be more than one pixel of a tile's histogram.
    const side = 256;
    const levels = Uint8Array.from(
      { length: side * side * 3 },
      (_, i) => 100 + ((Math.floor(i / 3) * 7) % 60) ** 2 / 180,
    );
    const narrow = () => ({ data: levels.slice(), width: side, height: side });
    const [weak, strong] = [narrow(), narrow()];
    clahe(weak, 1);
    clahe(strong, 4);
    expect(deviation(strong.data)).toBeGreaterThan(2 * deviation(narrow().data));
    expect(deviation(strong.data)).toBeGreaterThan(deviation(weak.data));
    const coloured = narrow();
    for (let i = 0; i < coloured.data.length; i += 3) coloured.data[i] = coloured.data[i + 1]! + 20;
    clahe(coloured, 2);
    for (let i = 0; i < coloured.data.length; i += 3) {
      if (coloured.data[i]! < 255 && coloured.data[i + 1]! > 0)
        expect(coloured.data[i]! - coloured.data[i + 1]!).toBe(20);
    }
  });
});

describe("exposure", () => {
  it("gamma bends the curve between fixed ends", () => {
    const levels = { data: Uint8Array.of(0, 64, 255), width: 1, height: 1 };
    gamma(levels, 2);
    expect([...levels.data]).toEqual([0, 16, 255]);
  });

  it("low light darkens and adds the noise of few photons", () => {
    const lit = image(() => 200);
    lowLight(lit, 0.2, 3);
    const mean = lit.data.reduce((sum, level) => sum + level, 0) / lit.data.length;
    expect(Math.abs(mean - 40)).toBeLessThan(1);
    // Variance 2² + 0.6 * 40 = 28, and a twelfth for rounding.
    expect(Math.abs(deviation(lit.data) - Math.sqrt(28))).toBeLessThan(0.5);
  });

  it("noise has the deviation that it says", () => {
    const flat = image(() => 128);
    addNoise(flat, () => 10, new Random(1));
    expect(Math.abs(deviation(flat.data) - 10)).toBeLessThan(0.7);
  });
});

describe("damage", () => {
  it("jpeg changes more at low quality and stays near", async () => {
    const waves = image((x, y) => 128 + 100 * Math.sin(x) * Math.cos(y));
    const change = async (quality: number) => {
      const copy = { ...waves, data: waves.data.slice() };
      await jpeg(copy, quality);
      return copy.data.reduce((sum, level, i) => sum + Math.abs(level - waves.data[i]!), 0) / copy.data.length;
    };
    const [low, high] = [await change(10), await change(90)];
    expect(low).toBeGreaterThan(2 * high);
    expect(low).toBeLessThan(50);
  });

  it("erasing covers rectangles and nothing else", () => {
    const black = image(() => 0);
    erase(black, 1, new Random(2));
    const changed = Array.from({ length: width * height }, (_, i) => i).filter((i) =>
      black.data.subarray(i * 3, i * 3 + 3).some((level) => level > 0),
    );
    const [xs, ys] = [changed.map((i) => i % width), changed.map((i) => Math.floor(i / width))];
    const area = (Math.max(...xs) - Math.min(...xs) + 1) * (Math.max(...ys) - Math.min(...ys) + 1);
    expect(changed).toHaveLength(area);
    expect(area / (width * height)).toBeLessThan(0.08);
  });
});

describe("drawing of effects", () => {
  const streams = (seed: number) => (number: number) => new Random(seed, number);

  it("is off in the published recipe", () => {
    for (let seed = 0; seed < 50; seed++) expect(drawEffects(defaultAugment, streams(seed))).toEqual([]);
  });

  it("keeps to the probabilities, each effect independent of the others", () => {
    const all = AugmentConfig.parse(Object.fromEntries(effectNames.map((name) => [name, 0.3])));
    const alone = { ...AugmentConfig.parse({}), noise: 0.3 };
    let count = 0;
    for (let seed = 0; seed < 500; seed++) {
      const drawn = drawEffects(all, streams(seed));
      count += drawn.length;
      const noise = drawEffects(alone, streams(seed)).map(({ settings }) => settings);
      expect(drawn.filter(({ name }) => name === "noise").map(({ settings }) => settings)).toEqual(noise);
    }
    expect(Math.abs(count / (500 * effectNames.length) - 0.3)).toBeLessThan(0.02);
  });
});
