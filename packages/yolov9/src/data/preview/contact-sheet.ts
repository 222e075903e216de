/** A contact sheet: training images in a grid, each under a line that says what it is, with its labels drawn. One JPEG. */

import sharp from "sharp";

import { strokeText } from "../../draw/stroke-font.js";
import type { ClassColours } from "../../draw/palette.js";
import type { TrainingImage } from "../replay.js";
import { labelMarks } from "./draw-labels.js";

export interface Cell extends Pick<TrainingImage, "image" | "rows" | "outlines" | "keypoints"> {
  readonly title: string;
}

export interface SheetOptions {
  readonly columns: number;
  readonly names: readonly string[];
  /** Of the classes on all sheets. */
  readonly colours: ClassColours;
  /** Sides of the largest image on the sheet, in pixels of the sheet. Default 320. */
  readonly cellSize?: number;
}

const GAP = 8;
const TITLE_HEIGHT = 18;
const TITLE_CAP_HEIGHT = 8;
const BACKGROUND = "#1d1f24";
const INK = "#e8e8e8";
const QUALITY = 90;

export async function contactSheet(
  cells: readonly Cell[],
  { columns, names, colours, cellSize = 320 }: SheetOptions,
): Promise<Buffer> {
  const largest = Math.max(...cells.flatMap(({ image }) => [image.width, image.height]));
  // One scale for all, so that images of different sizes look different.
  const scale = cellSize / largest;
  const pitch = { x: cellSize + GAP, y: cellSize + TITLE_HEIGHT + GAP };
  const width = Math.min(columns, cells.length) * pitch.x + GAP;
  const height = Math.ceil(cells.length / columns) * pitch.y + GAP;
  const placed = cells.map((cell, i) => ({
    cell,
    left: GAP + (i % columns) * pitch.x,
    top: GAP + Math.floor(i / columns) * pitch.y + TITLE_HEIGHT,
    width: Math.max(1, Math.round(cell.image.width * scale)),
    height: Math.max(1, Math.round(cell.image.height * scale)),
  }));
  const pictures = await Promise.all(
    placed.map(async ({ cell: { image }, left, top, width: w, height: h }) => {
      const raw = { width: image.width, height: image.height, channels: 3 as const };
      const input = await sharp(image.data, { raw })
        .resize(w, h, { fit: "fill" })
        .png({ compressionLevel: 1 })
        .toBuffer();
      return { input, left, top };
    }),
  );
  const marks = placed.map(({ cell, left, top, width: w, height: h }) => {
    const title = strokeText(cell.title, left, top - TITLE_HEIGHT + 4, TITLE_CAP_HEIGHT, INK);
    // A nested SVG cuts what sticks out of the image.
    const labels = `<svg x="${left}" y="${top}" width="${w}" height="${h}">${labelMarks(cell, names, w, h, colours)}</svg>`;
    return title + labels;
  });
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join("")}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: BACKGROUND } })
    .composite([...pictures, { input: Buffer.from(overlay), left: 0, top: 0 }])
    .jpeg({ quality: QUALITY, chromaSubsampling: "4:4:4" })
    .toBuffer();
}
