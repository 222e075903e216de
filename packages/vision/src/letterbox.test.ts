import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromLetterbox, letterboxGeometry, toLetterbox } from "./letterbox.js";

describe("letterboxGeometry", () => {
  it("puts a 640x480 photo into the middle of a 640 square", () => {
    expect(letterboxGeometry(640, 480, 640, 640)).toEqual({
      width: 640,
      height: 640,
      ratio: 1,
      resizedWidth: 640,
      resizedHeight: 480,
      padLeft: 0,
      padTop: 80,
    });
  });

  it("gives the odd pixel of padding to the bottom and right", () => {
    expect(letterboxGeometry(640, 427, 640, 640).padTop).toBe(106); // 213 rows are free
    expect(letterboxGeometry(427, 640, 640, 640).padLeft).toBe(106);
  });

  it("rounds half a pixel to the even size", () => {
    expect(letterboxGeometry(200, 101, 100, 100).resizedHeight).toBe(50); // 50.5
    expect(letterboxGeometry(200, 103, 100, 100).resizedHeight).toBe(52); // 51.5
  });

  it("leaves a small picture at its size when it may not be enlarged", () => {
    const geometry = letterboxGeometry(100, 50, 640, 640, { scaleUp: false });
    expect(geometry).toMatchObject({ ratio: 1, resizedWidth: 100, resizedHeight: 50, padLeft: 270, padTop: 295 });
  });

  it("keeps at least one pixel of a hair-thin picture", () => {
    expect(letterboxGeometry(10000, 1, 640, 640).resizedHeight).toBe(1);
  });

  it("refuses a picture without size", () => {
    expect(() => letterboxGeometry(0, 480, 640, 640)).toThrow("letterbox of 0x480 into 640x640");
  });
});

describe("boxes through a letterbox", () => {
  it("move by ratio and padding", () => {
    const geometry = letterboxGeometry(1280, 960, 640, 640);
    expect([...toLetterbox([100, 200, 300, 400], geometry)]).toEqual([50, 180, 150, 280]);
    expect([...fromLetterbox([50, 180, 150, 280], geometry, 1280, 960)]).toEqual([100, 200, 300, 400]);
  });

  it("come back clipped to the picture", () => {
    const geometry = letterboxGeometry(640, 480, 640, 640);
    expect([...fromLetterbox([-5, 0, 700, 640], geometry, 640, 480)]).toEqual([0, 0, 640, 480]);
  });

  it("come back to where they were, whatever the sizes", () => {
    const size = fc.integer({ min: 8, max: 3000 });
    const fraction = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(size, size, size, size, fraction, fraction, (sw, sh, tw, th, x, y) => {
        const geometry = letterboxGeometry(sw, sh, tw, th);
        const box = [0, 0, x * sw, y * sh];
        const back = fromLetterbox(toLetterbox(box, geometry), geometry, sw, sh);
        // float32 in the target costs 2^-24 of it, and going back divides by the ratio.
        const tolerance = (Math.max(tw, th) * 2 ** -22) / geometry.ratio + 1e-3;
        for (let i = 0; i < 4; i++) expect(Math.abs(back[i]! - box[i]!)).toBeLessThan(tolerance);
      }),
    );
  });
});
