import { describe, expect, it } from "vitest";
import { loadDigits, type Digit } from "./digits.js";
import { Random } from "./random.js";
import { composeScene, FAINTEST, paintInk, renderInk, scatterDigits, type Ink, type Scene } from "./scenes.js";
import { drawTexture } from "./textures.js";

const SIZE = 256;
const digits = loadDigits();

/** Bounds x1 y1 x2 y2 (exclusive) of the pixels at which two images differ, inside a window. */
function changedBounds(before: Uint8Array, after: Uint8Array, [x1, y1, x2, y2]: readonly number[]): number[] {
  let bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (let y = y1!; y < y2!; y++) {
    for (let x = x1!; x < x2!; x++) {
      const pixel = (y * SIZE + x) * 3;
      if ([0, 1, 2].every((channel) => before[pixel + channel] === after[pixel + channel])) continue;
      const [left, top, right, bottom] = bounds as [number, number, number, number];
      bounds = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
    }
  }
  return bounds;
}

const row = (ink: Ink, y: number) => ink.opacity.subarray(y * ink.width, (y + 1) * ink.width);
const column = (ink: Ink, x: number) => Array.from({ length: ink.height }, (_, y) => ink.opacity[y * ink.width + x]!);
const hasInk = (values: ArrayLike<number>) => Array.from(values).some((opacity) => opacity >= FAINTEST);

describe("the digits", () => {
  it("are ten classes of some thousand samples, no sample in two splits", () => {
    const all = [...digits.train, ...digits.val, ...digits.test];
    expect(new Set(all.map((digit) => digit.label)).size).toBe(10);
    expect(all.length).toBe(10_000);
    expect(new Set(all.map((digit) => digit.ink.byteOffset + digit.label * 2 ** 32)).size).toBe(all.length);
    expect(digits.train.length).toBeGreaterThan(7_900);
  });

  it("are 28x28 grey levels between 0 and 1 whose ink fits a square of 20", () => {
    for (const { ink } of digits.test.slice(0, 200)) {
      expect(ink.length).toBe(784);
      expect(Math.max(...ink)).toBeLessThanOrEqual(1);
      expect(ink.subarray(0, 28 * 2).every((grey) => grey === 0)).toBe(true);
    }
  });
});

describe("ink", () => {
  it("is cropped so that every outer row and column has some, whatever the size and slant", () => {
    const random = new Random(3);
    for (let i = 0; i < 60; i++) {
      const handwriting = {
        height: random.uniform(14, 120),
        angle: random.uniform(-0.3, 0.3),
        slant: random.uniform(-0.2, 0.2),
      };
      const ink = renderInk(random.pick(digits.train), handwriting);
      expect([row(ink, 0), row(ink, ink.height - 1), column(ink, 0), column(ink, ink.width - 1)].every(hasInk)).toBe(
        true,
      );
      expect(ink.opacity.every((opacity) => opacity === 0 || (opacity >= FAINTEST && opacity <= 1))).toBe(true);
    }
  });

  it("is as tall as asked for when upright, within the soft edge", () => {
    const full: Digit = { label: 1, ink: new Float32Array(784) };
    for (let y = 4; y < 24; y++) full.ink.fill(1, y * 28 + 12, y * 28 + 16);
    const ink = renderInk(full, { height: 100, angle: 0, slant: 0 });
    expect(Math.abs(ink.height - 100)).toBeLessThanOrEqual(2);
    expect(Math.abs(ink.width - 20)).toBeLessThanOrEqual(2);
  });
});

describe("a scene", () => {
  it("has boxes that end exactly where the ink ends", () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(seed);
      const data = new Uint8Array(SIZE * SIZE * 3);
      const texture = { image: { data, width: SIZE, height: SIZE }, isDark: true };
      const paper = data.slice();
      const { boxes } = scatterDigits(random, digits.train, texture);
      const painted = changedBounds(paper, data, [0, 0, SIZE, SIZE]);
      const boxList = Array.from({ length: boxes.length / 4 }, (_, i) => Array.from(boxes.subarray(i * 4, i * 4 + 4)));
      for (const box of boxList) expect(changedBounds(paper, data, box)).toEqual(box);
      const union = [0, 1, 2, 3].map((side) => Math[side < 2 ? "min" : "max"](...boxList.map((box) => box[side]!)));
      expect(painted).toEqual(union);
    }
  });

  it("paints nothing outside its boxes", () => {
    const random = new Random(99);
    const texture = drawTexture(random, SIZE);
    const paper = texture.image.data.slice();
    const { boxes } = scatterDigits(random, digits.test, texture);
    for (let i = 0; i < boxes.length; i += 4) {
      for (let y = boxes[i + 1]!; y < boxes[i + 3]!; y++) {
        const from = (y * SIZE + boxes[i]!) * 3;
        const to = (y * SIZE + boxes[i + 2]!) * 3;
        texture.image.data.set(paper.subarray(from, to), from);
      }
    }
    expect(Buffer.compare(Buffer.from(texture.image.data), Buffer.from(paper))).toBe(0);
  });

  it("holds up to 10 digits that do not touch, inside the image", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { boxes, classes } = composeScene(new Random(7, seed), digits.val, SIZE);
      expect(classes.length).toBeGreaterThanOrEqual(1);
      expect(classes.length).toBeLessThanOrEqual(10);
      for (let a = 0; a < classes.length; a++) {
        const [ax1 = 0, ay1 = 0, ax2 = 0, ay2 = 0] = boxes.subarray(a * 4, a * 4 + 4);
        expect(Math.min(ax1, ay1)).toBeGreaterThanOrEqual(0);
        expect(Math.max(ax2, ay2)).toBeLessThanOrEqual(SIZE);
        for (let b = a + 1; b < classes.length; b++) {
          const [bx1 = 0, by1 = 0, bx2 = 0, by2 = 0] = boxes.subarray(b * 4, b * 4 + 4);
          expect(ax1 < bx2 && bx1 < ax2 && ay1 < by2 && by1 < ay2).toBe(false);
        }
      }
    }
  });

  it("is the same for the same seed and another one for another", () => {
    const compose = (...seed: number[]) => composeScene(new Random(...seed), digits.train, SIZE);
    const [first, again, other] = [compose(1, 2, 3), compose(1, 2, 3), compose(1, 2, 4)];
    const pixels = ({ image }: Scene) => Buffer.from(image.data);
    expect(Buffer.compare(pixels(first), pixels(again))).toBe(0);
    expect([first.boxes, first.classes]).toEqual([again.boxes, again.classes]);
    expect(Buffer.compare(pixels(first), pixels(other))).not.toBe(0);
  });

  it("keeps its ink clearly apart from the paper", () => {
    const random = new Random(5);
    for (let i = 0; i < 20; i++) {
      const texture = drawTexture(random, 64);
      const mean = Array.from(texture.image.data).reduce((sum, value) => sum + value) / texture.image.data.length;
      expect(texture.isDark ? mean : 255 - mean).toBeLessThan(128);
    }
  });
});

describe("painting ink", () => {
  it("blends with the paper in proportion to the opacity", () => {
    const image = { data: new Uint8Array(3 * 4).fill(100), width: 2, height: 2 };
    paintInk(image, { width: 1, height: 1, opacity: Float32Array.of(0.5) }, { x: 1, y: 0 }, [200, 100, 0]);
    expect(Array.from(image.data)).toEqual([100, 100, 100, 150, 100, 50, 100, 100, 100, 100, 100, 100]);
  });
});
