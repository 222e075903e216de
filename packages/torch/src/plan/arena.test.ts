import { describe, expect, it } from "vitest";
import { ALIGNMENT, arrange, type Lifetime } from "./arena.js";

/** The same numbers every time (a linear congruential generator). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

function randomLifetimes(seed: number): Lifetime[] {
  const random = randomNumbers(seed);
  return Array.from({ length: 1 + random(60) }, () => {
    const from = random(100);
    return { bytes: 1 + random(5000), from, to: from + random(20) };
  });
}

const seeds = Array.from({ length: 100 }, (_, i) => i + 1);

describe("arrange", () => {
  it.each(seeds)("never gives two that are alive together the same bytes, seed %i", (seed) => {
    const lifetimes = randomLifetimes(seed);
    const { offsets, bytes } = arrange(lifetimes);
    for (const [i, a] of lifetimes.entries()) {
      expect(offsets[i]! % ALIGNMENT).toBe(0);
      expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(bytes);
      for (const [j, b] of lifetimes.entries()) {
        if (i === j || a.from > b.to || b.from > a.to) continue;
        const apart = offsets[i]! + a.bytes <= offsets[j]! || offsets[j]! + b.bytes <= offsets[i]!;
        expect(apart).toBe(true);
      }
    }
  });

  it("uses memory again once its features are no longer read", () => {
    const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 640, from: i, to: i + 1 }));
    expect(arrange(chain).bytes).toBe(2 * 640);
  });

  it("fills gaps", () => {
    const { offsets, bytes } = arrange([
      { bytes: 128, from: 0, to: 2 },
      { bytes: 128, from: 0, to: 9 },
      { bytes: 64, from: 3, to: 9 },
    ]);
    expect(offsets).toEqual([0, 128, 0]);
    expect(bytes).toBe(256);
  });

  it("needs nothing for nothing", () => {
    expect(arrange([])).toEqual({ offsets: [], bytes: 0 });
  });
});
