import { describe, expect, it } from "vitest";

import { defaultAugment } from "./config.js";
import { affine, invert, type Homography } from "./homography.js";
import { mosaicTile } from "./layout.js";
import { Random } from "./random.js";
import { drawView, viewMap } from "./view.js";
import type { Tile } from "./tile.js";
import { Warper } from "./warp.js";
import { Workspace } from "./workspace.js";

/** Draws the tiles on a real canvas, as the published recipe does. */
function paintCanvas(tiles: readonly Tile[], size: number): Uint8Array {
  const canvas = new Uint8Array(size * size * 3).fill(114);
  for (const { pixels, width, originX, originY, left, top, right, bottom } of tiles) {
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        for (let c = 0; c < 3; c++) {
          canvas[(y * size + x) * 3 + c] = pixels[((y - originY) * width + x - originX) * 3 + c]!;
        }
      }
    }
  }
  return canvas;
}

/** Source position in pixels by OpenCV's rule: column and row parts rounded to 1/1024 pixel, their sum to 1/32. */
function position(column: number, row: number): number {
  return Math.floor((Math.round(column * 1024) + Math.round(row * 1024) + 16) / 32) / 32;
}

/** The same for perspective: the exact position, rounded to 1/32. */
function divided(numerator: number, divisor: number): number {
  return Math.round((numerator / divisor) * 32) / 32;
}

/** Bilinear sampling with a constant border, values in floating point. */
function exactWarp(canvas: Uint8Array, canvasSize: number, inverse: Homography, size: number): Float64Array {
  const [a, b, c, d, e, f, g, h, k] = inverse;
  const value = (x: number, y: number, channel: number) =>
    x < 0 || y < 0 || x >= canvasSize || y >= canvasSize ? 114 : canvas[(y * canvasSize + x) * 3 + channel]!;
  const out = new Float64Array(size * size * 3);
  for (let i = 0; i < out.length; i++) {
    const channel = i % 3;
    const x = Math.floor(i / 3) % size;
    const y = Math.floor(i / 3 / size);
    const divisor = g * x + h * y + k;
    const isAffine = g === 0 && h === 0;
    const sourceX = isAffine ? position(a * x, b * y + c) : divided(a * x + b * y + c, divisor);
    const sourceY = isAffine ? position(d * x, e * y + f) : divided(d * x + e * y + f, divisor);
    const left = Math.floor(sourceX);
    const top = Math.floor(sourceY);
    const u = sourceX - left;
    const v = sourceY - top;
    out[i] =
      (value(left, top, channel) * (1 - u) + value(left + 1, top, channel) * u) * (1 - v) +
      (value(left, top + 1, channel) * (1 - u) + value(left + 1, top + 1, channel) * u) * v;
  }
  return out;
}

function wavyImage(width: number, height: number, phase: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return 128 + 120 * Math.sin(phase + x / 9 + (i % 3)) * Math.cos(phase * 2 + y / 7);
  });
  return { data, width, height };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

const size = 96;
const canvas = { width: 2 * size, height: 2 * size };
const pictures = [wavyImage(96, 72, 1), wavyImage(64, 96, 2), wavyImage(96, 96, 3), wavyImage(96, 20, 4)];

function randomMosaic(seed: number, strengths: Partial<typeof defaultAugment>) {
  const random = new Random(seed);
  const centreX = Math.floor(random.uniform(size / 2, (3 * size) / 2));
  const centreY = Math.floor(random.uniform(size / 2, (3 * size) / 2));
  const tiles = pictures.map((image, corner) => mosaicTile(image, corner, { centreX, centreY }, canvas));
  const view = drawView(random, { ...defaultAugment, ...strengths });
  return { tiles, inverse: invert(viewMap(view, canvas, { width: size, height: size })) };
}

function warp(tiles: readonly Tile[], inverse: Homography): Uint8Array {
  const workspace = new Workspace({ pixels: size * size, width: size, sourceBytes: size * size * 3 });
  new Warper(workspace, { width: size, height: size }, workspace.first).warp(tiles, inverse);
  return workspace.first;
}

describe("sampling tiles through an affine map", () => {
  it.each([
    ["scale and shift", {}],
    ["rotation and shear too", { degrees: 45, shear: 10 }],
    ["upside down", { degrees: 180 }],
    ["perspective", { perspective: 0.002, degrees: 20 }],
  ])("equals painting a canvas and warping it, seams and border included: %s", (_, strengths) => {
    for (let seed = 0; seed < 25; seed++) {
      const { tiles, inverse } = randomMosaic(seed, strengths);
      const expected = exactWarp(paintCanvas(tiles, 2 * size), 2 * size, inverse, size);
      expect(largestDifference(expected, warp(tiles, inverse))).toBeLessThanOrEqual(0.5);
    }
  });

  it("is the identity for the identity map", () => {
    const image = pictures[2]!;
    const tile = { ...mosaicTile(image, 3, { centreX: 0, centreY: 0 }, { width: size, height: size }) };
    const out = warp([tile], affine(1, 0, 0, 0, 1, 0));
    expect(largestDifference(out, image.data)).toBe(0);
  });

  it("is grey where no tile is", () => {
    const out = warp([mosaicTile(pictures[0]!, 0, { centreX: 96, centreY: 96 }, canvas)], affine(1, 0, 300, 0, 1, 0));
    expect(new Set(out)).toEqual(new Set([114]));
  });
});
