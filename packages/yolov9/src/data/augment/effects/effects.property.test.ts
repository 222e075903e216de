import { describe, expect, it } from "vitest";

import { Random } from "../random.js";
import { AugmentConfig } from "../config.js";
import type { PlannedEffect } from "./effect.js";
import { drawEffects, effectNames, type EffectName } from "./effects.js";

// Each effect is drawn and applied to random images; what must hold of any draw is checked on every one.

const DRAWS = 1000;
const [width, height] = [24, 16];
const BYTES = width * height * 3;

/** An image before and after an effect. */
interface Draw {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly settings: PlannedEffect["settings"];
}

/** The effect of one name with the settings of a seed. */
function drawn(name: EffectName, seed: number): PlannedEffect {
  const config = AugmentConfig.parse({ [name]: 1 });
  const [effect] = drawEffects(config, (number) => new Random(seed, number)).filter((one) => one.name === name);
  return effect!;
}

/** Smooth in one half and noisy in the other, with a colour cast, so that there are edges, hues and both ends of the range. */
function randomImage(seed: number): Uint8Array {
  const random = new Random(seed);
  const casts = [0, 1, 2].map(() => random.integer(60));
  const [slope, base] = [random.uniform(0, 10), random.integer(120)];
  return Uint8Array.from({ length: BYTES }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const level = base + (x < width / 2 ? slope * x : random.integer(256) - base);
    return Math.min(Math.max(level + casts[i % 3]!, 0), 255);
  });
}

async function applied({ apply }: PlannedEffect, before: Uint8Array): Promise<Uint8Array> {
  const data = before.slice();
  await apply({ data, width, height });
  return data;
}

const mean = (data: Uint8Array) => data.reduce((sum, level) => sum + level, 0) / data.length;

/** Sum of the steps from each pixel to its right neighbour. */
function variation(data: Uint8Array): number {
  let sum = 0;
  for (let i = 3; i < data.length; i++) if (i % (width * 3) >= 3) sum += Math.abs(data[i]! - data[i - 3]!);
  return sum;
}

/** Largest of what a pixel and channel gives. */
function largest(of: (i: number) => number): number {
  let most = -Infinity;
  for (let i = 0; i < BYTES; i++) most = Math.max(most, of(i));
  return most;
}

/** Least and greatest level of a channel in the square around a pixel. */
function rangeAround(data: Uint8Array, i: number, radius: number): [least: number, greatest: number] {
  const [pixel, channel] = [Math.floor(i / 3), i % 3];
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  let [least, greatest] = [255, 0];
  for (let row = Math.max(y - radius, 0); row <= Math.min(y + radius, height - 1); row++) {
    for (let column = Math.max(x - radius, 0); column <= Math.min(x + radius, width - 1); column++) {
      const level = data[(row * width + column) * 3 + channel]!;
      [least, greatest] = [Math.min(least, level), Math.max(greatest, level)];
    }
  }
  return [least, greatest];
}

function staysAmongNeighbours({ before, after, settings }: Draw): boolean {
  const radius = (settings["kernel"]! - 1) / 2;
  const outside = (i: number) => {
    const [least, greatest] = rangeAround(before, i, radius);
    return Math.max(least - after[i]!, after[i]! - greatest);
  };
  return largest(outside) <= 0 && variation(after) <= variation(before);
}

/** Whether all channels of a pixel move alike, but where they are cut at the ends. */
function keepsHues({ before, after }: Draw): boolean {
  return Array.from({ length: BYTES / 3 }, (_, pixel) => pixel * 3).every((at) => {
    const moves = [0, 1, 2]
      .filter((channel) => after[at + channel]! > 0 && after[at + channel]! < 255)
      .map((channel) => after[at + channel]! - before[at + channel]!);
    return moves.every((move) => Math.abs(move - moves[0]!) <= 1);
  });
}

/** Share of pixels that changed. */
function changedShare({ before, after }: Draw): number {
  let changed = 0;
  for (let i = 0; i < BYTES; i += 3) {
    if ([0, 1, 2].some((channel) => before[i + channel] !== after[i + channel])) changed++;
  }
  return changed / (BYTES / 3);
}

const change = ({ before, after }: Draw) =>
  before.reduce((sum, level, i) => sum + Math.abs(level - after[i]!), 0) / BYTES;

/** What is true of every draw. */
const properties: Readonly<Record<EffectName, (draw: Draw) => boolean>> = {
  blur: staysAmongNeighbours,
  median: staysAmongNeighbours,
  grey: ({ before, after }) =>
    largest((i) => Math.abs(after[i]! - after[i - (i % 3)]!)) === 0 &&
    largest((i) => {
      const pixel = before.subarray(i - (i % 3), i - (i % 3) + 3);
      return Math.max(Math.min(...pixel) - after[i]!, after[i]! - Math.max(...pixel));
    }) <= 0,
  clahe: keepsHues,
  gamma: ({ before, after, settings }) =>
    largest((i) => Math.abs(after[i]! - 255 * (before[i]! / 255) ** settings["exponent"]!)) <= 0.5,
  // The mean of 1,152 values with a deviation of at most 9 levels is off by less than one; cutting at 0 raises it by less than that.
  lowLight: ({ before, after, settings }) => Math.abs(mean(after) - settings["exposure"]! * mean(before)) < 2,
  // Half of normal values lie within 0.67 deviations, and their mean size is 0.8 deviations; less where levels are cut.
  noise: (draw) => {
    const size = change(draw) / draw.settings["deviation"]!;
    return size > 0.5 && size < 0.9;
  },
  jpeg: (draw) => change(draw) < 60 && Math.abs(mean(draw.after) - mean(draw.before)) < 12,
  // At most five rectangles of 6 % each; rounding to whole pixels adds to them in so small an image.
  erasing: (draw) => {
    const share = changedShare(draw);
    return share > 0 && share <= draw.settings["rectangles"]! * 0.075;
  },
};

describe(`over ${DRAWS} draws`, () => {
  it.each(effectNames)("%s does what it says, again with the same settings, and no more", async (name) => {
    const failed: number[] = [];
    const settings = new Set<string>();
    for (let seed = 0; seed < DRAWS; seed++) {
      const effect = drawn(name, seed);
      const before = randomImage(seed);
      const after = await applied(effect, before);
      settings.add(JSON.stringify(effect.settings));
      if (!properties[name]({ before, after, settings: effect.settings })) failed.push(seed);
      if (seed % 10 === 0) expect(await applied(drawn(name, seed), before)).toEqual(after);
    }
    expect(failed).toEqual([]);
    // Grey has nothing to be drawn.
    expect(settings.size).toBeGreaterThan(name === "grey" ? 0 : 2);
  });
});
