import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { DetectedBox } from "./detected-image.js";
import { drawDetections, overlay } from "./draw-detections.js";
import { canStroke, strokeWidth } from "../draw/stroke-font.js";

const cell: DetectedBox = { box: [20.4, 60.2, 90.6, 120], score: 0.9, classIndex: 0, className: "WBC" };

async function pixel(image: Buffer, x: number, y: number): Promise<number[]> {
  return [...(await sharp(image).extract({ left: x, top: y, width: 1, height: 1 }).raw().toBuffer())];
}

describe("drawDetections", () => {
  it("draws the outline in the class's colour and leaves the inside alone", async () => {
    const grey = await sharp({ create: { width: 200, height: 150, channels: 3, background: "#808080" } })
      .png()
      .toBuffer();
    const drawn = await drawDetections(grey, [cell], "png");
    expect(await sharp(drawn).metadata()).toMatchObject({ width: 200, height: 150, channels: 3 });
    expect(await pixel(drawn, 20, 90)).toEqual([0xff, 0x38, 0x38]);
    expect(await pixel(drawn, 55, 90)).toEqual([0x80, 0x80, 0x80]);
  });

  it("draws on the upright picture when EXIF turns it", async () => {
    const sideways = await sharp({ create: { width: 200, height: 150, channels: 3, background: "#808080" } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(await sharp(await drawDetections(sideways, [])).metadata()).toMatchObject({ width: 150, height: 200 });
  });

  it("keeps labels inside the picture at its top and right border", () => {
    const svg = overlay([{ ...cell, box: [180, 2, 199, 40] }], 200, 150);
    const [, left, top, width] = /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="[\d.]+" fill="#/
      .exec(svg)!
      .map(Number);
    expect(left! + width!).toBeCloseTo(200, 1);
    expect(top!).toBeGreaterThanOrEqual(0);
  });
});

describe("labels", () => {
  it("cut a name that is too long for the picture, and keep the score", () => {
    const svg = overlay([{ ...cell, className: "a very long name of a class of cells".repeat(3) }], 200, 150);
    const [, left, width] = /<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" fill="#/
      .exec(svg)!
      .map(Number);
    expect([left! >= 0, left! + width! <= 200.01]).toEqual([true, true]);
  });

  it("are drawn of names that XML forbids", async () => {
    const picture = sharp({ create: { width: 200, height: 150, channels: 3, background: "#808080" } });
    const named = { ...cell, className: "細\u001b\uffff</text>" };
    expect((await drawDetections(await picture.png().toBuffer(), [named])).length).toBeGreaterThan(1000);
  });

  it("spells every printable ASCII character", () => {
    const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
    expect(canStroke(ascii)).toBe(true);
    expect(canStroke("細胞")).toBe(false);
    expect(strokeWidth("WBC", 12)).toBeGreaterThan(strokeWidth("WB", 12));
  });
});
