import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "./node.js";
import { decodePicture } from "./decode-picture.js";

/** A PNG of one bit a pixel, all black: 20000 x 20000 of them are 49 KB. */
function blackPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height));
  const parts = [chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

const SVG = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"></svg>`;

describe("limits of what is decoded", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "decode-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("refuse a picture of too many pixels by its header, in little memory", async () => {
    const path = join(folder, "bomb.png");
    writeFileSync(path, blackPng(20_000, 20_000));
    const before = process.resourceUsage().maxRSS;
    const told = "20000 x 20000 px are 400 megapixels, more than the limit of 100";
    await expect(decodePicture(path)).rejects.toThrow(told);
    await expect(decodeImage(path)).rejects.toThrow(`${path} cannot be decoded as an image: ${told}`);
    // Kilobytes. Decoded, it is 1.2 GB.
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100_000);
  });

  it("can be set lower and higher", async () => {
    const bytes = blackPng(200, 100);
    await expect(decodePicture(bytes, { maxPixels: 19_999 })).rejects.toThrow("0.02 megapixels");
    expect(await decodePicture(bytes, { maxPixels: 20_000 })).toMatchObject({ width: 200, height: 100 });
    expect(await decodePicture(bytes, { maxPixels: Infinity })).toMatchObject({ width: 200, height: 100 });
  });

  it("keep out what is no picture of pixels, by content, unless asked for", async () => {
    const path = join(folder, "drawing.png");
    writeFileSync(path, SVG);
    await expect(decodePicture(path)).rejects.toThrow("SVG or other markup");
    await expect(decodePicture(Buffer.from(SVG))).rejects.toThrow("anyFormat");
    await expect(decodePicture(Buffer.from(`\ufeff\n  ${SVG.slice(21)}`))).rejects.toThrow("SVG or other markup");
    expect(await decodePicture(path, { anyFormat: true })).toMatchObject({ width: 40, height: 30 });
    await expect(decodePicture(Buffer.from("%PDF-1.7 and so on and on"))).rejects.toThrow("no picture");
  });

  it("let every format of pictures in", async () => {
    const grey = sharp({ create: { width: 40, height: 30, channels: 3, background: "#888" } });
    for (const format of ["jpeg", "png", "webp", "gif", "tiff", "avif"] as const) {
      expect(await decodePicture(await grey.clone().toFormat(format).toBuffer())).toMatchObject({ width: 40 });
    }
  });
});
