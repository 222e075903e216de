import { describe, expect, it } from "vitest";
import { letterboxImage, rgbFromPixels, toPlanarBytes, toPlanarFloat } from "./image.js";
import { resizeArea, resizeBilinear } from "./resize.js";

const noise = { data: Uint8Array.from({ length: 8 * 4 * 3 }, (_, i) => (i * 97) & 255), width: 8, height: 4 };

describe("letterboxImage", () => {
  it("places the resized picture on grey 114 without a trace outside it", () => {
    const { image, geometry } = letterboxImage(noise, 4, 5);
    expect(geometry).toMatchObject({ resizedWidth: 4, resizedHeight: 2, padLeft: 0, padTop: 1 });
    const row = 4 * 3;
    expect([...image.data.subarray(0, row)]).toEqual(Array(row).fill(114));
    expect([...image.data.subarray(row, 3 * row)]).toEqual([...resizeBilinear(noise, 4, 2).data]);
    expect([...image.data.subarray(3 * row)]).toEqual(Array(2 * row).fill(114));
  });

  it("averages areas where `auto` shrinks a picture and interpolates where it grows", () => {
    const shrunk = letterboxImage(noise, 3, 2, { kernel: "auto" }).image;
    expect([...shrunk.data]).toEqual([...letterboxImage(noise, 3, 2, { kernel: "area" }).image.data]);
    expect([...shrunk.data]).toEqual([...resizeArea(noise, 3, 2).data]);
    const grown = letterboxImage(noise, 16, 8, { kernel: "auto" }).image;
    expect([...grown.data]).toEqual([...resizeBilinear(noise, 16, 8).data]);
  });

  it("refuses bytes that do not fit the size", () => {
    expect(() => letterboxImage({ ...noise, width: 9 }, 4, 4)).toThrow(
      "image of 9x4 with 3 channels needs 108 bytes, not 96",
    );
  });
});

describe("rgbFromPixels", () => {
  it("spreads grey over the colours and drops alpha", () => {
    const [width, height] = [2, 1];
    const rgb = (channels: number, bytes: number[]) => [
      ...rgbFromPixels({ data: Uint8Array.from(bytes), width, height, channels }).data,
    ];
    expect(rgb(1, [5, 9])).toEqual([5, 5, 5, 9, 9, 9]);
    expect(rgb(2, [5, 0, 9, 128])).toEqual([5, 5, 5, 9, 9, 9]);
    expect(rgb(3, [1, 2, 3, 4, 5, 6])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rgb(4, [1, 2, 3, 0, 4, 5, 6, 255])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("names the channel count it cannot read", () => {
    expect(() => rgbFromPixels({ data: new Uint8Array(5), width: 1, height: 1, channels: 5 })).toThrow("5 channels");
  });
});

describe("toPlanarFloat", () => {
  it("separates the colours and divides by 255", () => {
    const out = new Float32Array(8).fill(-1);
    toPlanarFloat({ data: Uint8Array.of(0, 51, 255, 102, 204, 1), width: 2, height: 1 }, out, 1);
    const expected = [-1, 0, 102 / 255, 51 / 255, 204 / 255, 1, 1 / 255, -1];
    expect([...out]).toEqual(expected.map(Math.fround));
  });

  it("refuses an output that is too short", () => {
    expect(() => toPlanarFloat(noise, new Float32Array(95))).toThrow("95 floats, but 96");
  });
});

describe("toPlanarBytes", () => {
  const image = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), width: 2, height: 1 };

  it("separates the colours", () => {
    const out = new Uint8Array(6);
    toPlanarBytes(image, out);
    expect([...out]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("writes into a rectangle of larger planes and leaves the rest", () => {
    const out = new Uint8Array(18).fill(9);
    toPlanarBytes(image, out, { width: 3, left: 1, top: 1 });
    expect([...out]).toEqual([9, 9, 9, 9, 1, 4, 9, 9, 9, 9, 2, 5, 9, 9, 9, 9, 3, 6]);
  });
});
