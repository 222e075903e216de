import { describe, expect, it } from "vitest";
import type { RgbImage } from "./image.js";
import { resizeArea, resizeBilinear } from "./resize.js";

/** The picture that the OpenCV figures below were made from. */
const SOURCE: RgbImage = {
  data: Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i * 73 + (i >> 3) * 19) & 255),
  width: 9,
  height: 7,
};

/** Pixels that OpenCV 4.5.1 resizes SOURCE to. */
const OPENCV = {
  linear6x5:
    "593c86bec75c97e12a62b7c03c85cd395ba4d92276b0b9447dd140549fcf2c75beba4395ce576096ee3772bb444992db565faded3683b3454e8a" +
    "d61f60a9f2317ac9444d9fd5246da6cb3b7dc50f4d96e3206ab9ca3e86c5145d",
  linear11x8:
    "0049929f2e77c79b63aff84d9de62f7fc81161b9d44e9ee73780c91e67b0115aa3c03982c81e72bf935aa9f23d8dd9226fc7105dacc6448ed72e" +
    "77c05262abd14a93de277dcd1667b58a4a9ae7307ed33c6ab9b2519bd53c85ce256eb75053a0ef388ed72072c37457a7c23e8cdf2876c63d5fa8" +
    "f14992db327bc45860aeaa4498e83183ce1760b3bc4b9aec3583d3446db689559ee84089d2246dbb7d52a4f23b8cdf2871bd0c55a6b44391df28" +
    "7ac36962abf44f98e13079c7165fb2744999e8337cce1d66af37509fb43587d01970b95f5ba4ee3d86d3226bc12c57a6844089d82871c01861ae" +
    "f74093dc257fc81169b2594b94e12d76d21e67b3a64c95e53780cc236cbf0851",
  area4x3: "ab417398e43854a3bb575fa9bd775479c86a3a83ceb93f8f9eab3560a99e4064b4c62770",
  area3x7:
    "8679737fce6d2972bbcd6c6671c15f7165aec05e5864b3a76357a6b2ac4a5ca599ab4999a49e3d4f98e19d3c8b97912f418ad990347d8fd82133" +
    "7cccd72770",
};

function largestDifference(image: RgbImage, hex: string): number {
  const expected = Buffer.from(hex, "hex");
  expect(image.data.length).toBe(expected.length);
  return Math.max(...image.data.map((value, i) => Math.abs(value - expected[i]!)));
}

describe("resizeBilinear", () => {
  it("shrinks and enlarges within 1 grey level of OpenCV's INTER_LINEAR", () => {
    expect(largestDifference(resizeBilinear(SOURCE, 6, 5), OPENCV.linear6x5)).toBeLessThanOrEqual(1);
    expect(largestDifference(resizeBilinear(SOURCE, 11, 8), OPENCV.linear11x8)).toBeLessThanOrEqual(1);
  });

  it("samples at pixel centres: a doubled edge has its steps at a quarter and three quarters", () => {
    const edge = { data: Uint8Array.of(0, 0, 0, 100, 100, 100), width: 2, height: 1 };
    const red = resizeBilinear(edge, 4, 1).data.filter((_, i) => i % 3 === 0);
    expect([...red]).toEqual([0, 25, 75, 100]);
  });

  it("returns the same pixels at the same size", () => {
    const same = resizeBilinear(SOURCE, 9, 7);
    expect(same.data).toEqual(SOURCE.data);
    expect(same.data).not.toBe(SOURCE.data);
  });
});

describe("resizeArea", () => {
  it("shrinks within 1 grey level of OpenCV's INTER_AREA", () => {
    expect(largestDifference(resizeArea(SOURCE, 4, 3), OPENCV.area4x3)).toBeLessThanOrEqual(1);
    expect(largestDifference(resizeArea(SOURCE, 3, 7), OPENCV.area3x7)).toBeLessThanOrEqual(1);
  });

  it("weighs a source pixel by the share of it that is covered", () => {
    const row = { data: Uint8Array.of(30, 0, 0, 60, 0, 0, 90, 0, 0), width: 3, height: 1 };
    // Each target pixel covers one and a half: (30 + 60/2) / 1.5 and (60/2 + 90) / 1.5.
    expect([...resizeArea(row, 2, 1).data]).toEqual([40, 0, 0, 80, 0, 0]);
  });

  it("interpolates where the picture grows", () => {
    expect(resizeArea(SOURCE, 11, 8).data).toEqual(resizeBilinear(SOURCE, 11, 8).data);
  });

  it("refuses an empty target", () => {
    expect(() => resizeArea(SOURCE, 0, 3)).toThrow("resize to 0x3");
  });
});
