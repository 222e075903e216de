/**
 * Draws boxes with class names and scores onto a picture, as an SVG that is composited over it. It knows pixels and colours;
 * where the boxes come from and where the picture goes is not its matter.
 */
import sharp from "sharp";
import { openPicture, type PictureLimits } from "../data/index.js";
import { escapeMarkup } from "../markup.js";
import type { DetectedBox } from "./detected-image.js";
import { classColour, readableOn } from "./palette.js";
import { canStroke, strokeText, strokeWidth } from "./stroke-font.js";

/** Line width as a share of the mean side length of the picture, with a lower bound in pixels. */
const LINE_WIDTH_SHARE = 0.003;
const LINE_WIDTH_MIN_PX = 2;
/** Height of label capitals as a share of the mean side length, and its bounds in pixels. */
const CAP_HEIGHT_SHARE = 0.014;
const CAP_HEIGHT_RANGE_PX = [8, 40] as const;

/**
 * @param image an encoded picture (its EXIF orientation is applied)
 * @param boxes in pixels of the upright picture
 * @param format of the returned bytes
 */
export async function drawDetections(
  image: Buffer | string,
  boxes: readonly DetectedBox[],
  format: "jpeg" | "png" = "jpeg",
  limits: PictureLimits = {},
): Promise<Buffer> {
  const upright = await openPicture(image, limits).rotate().removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = upright.info;
  const picture = sharp(upright.data, { raw: { width, height, channels } })
    .composite([{ input: Buffer.from(overlay(boxes, width, height)) }])
    .removeAlpha();
  return format === "png" ? picture.png().toBuffer() : picture.jpeg({ quality: 92 }).toBuffer();
}

/** All boxes and labels as one SVG document of the picture's size. The most certain ones are drawn last, on top. */
export function overlay(boxes: readonly DetectedBox[], width: number, height: number): string {
  const side = (width + height) / 2;
  const line = Math.max(Math.round(side * LINE_WIDTH_SHARE), LINE_WIDTH_MIN_PX);
  const [smallest, largest] = CAP_HEIGHT_RANGE_PX;
  const capHeight = Math.min(Math.max(side * CAP_HEIGHT_SHARE, smallest), largest);
  const ordered = [...boxes].sort((a, b) => a.score - b.score);
  const shapes = [
    ...ordered.map((box) => outline(box, line)),
    ...ordered.map((box) => label(box, line, capHeight, width)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join("")}</svg>`;
}

function outline({ box: [x1, y1, x2, y2], classIndex }: DetectedBox, line: number): string {
  const [x, y] = [Math.round(x1), Math.round(y1)];
  const [w, h] = [Math.round(x2) - x, Math.round(y2) - y];
  return (
    `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="none" stroke="${classColour(classIndex)}"` +
    ` stroke-width="${line}" stroke-linejoin="round"/>`
  );
}

/** A filled tab on top of the box, or inside it where there is no room above; pushed left at the right border. */
function label(detection: DetectedBox, line: number, capHeight: number, imageWidth: number): string {
  const { box, className, classIndex, score } = detection;
  const text = `${className} ${score.toFixed(2)}`;
  const padding = capHeight * 0.45;
  const tabWidth = strokeWidth(text, capHeight) + 2 * padding;
  // Descenders need a third of the capitals' height below the baseline.
  const tabHeight = capHeight * (4 / 3) + 1.3 * padding;
  const left = Math.max(0, Math.min(Math.round(box[0]) - line / 2, imageWidth - tabWidth));
  const above = Math.round(box[1]) - line / 2 - tabHeight;
  const top = above >= 0 ? above : Math.round(box[1]) + line / 2;
  const colour = classColour(classIndex);
  const ink = readableOn(colour);
  const tab =
    `<rect x="${left.toFixed(2)}" y="${top.toFixed(2)}" width="${tabWidth.toFixed(2)}"` +
    ` height="${tabHeight.toFixed(2)}" fill="${colour}"/>`;
  return tab + labelText(text, left + padding, top + padding, capHeight, ink);
}

/** Lines of our own where they can spell the text, else whatever font the system has for it. */
function labelText(text: string, x: number, y: number, capHeight: number, colour: string): string {
  if (canStroke(text)) return strokeText(text, x, y, capHeight, colour);
  return (
    `<text x="${x.toFixed(2)}" y="${(y + capHeight).toFixed(2)}" fill="${colour}" font-family="sans-serif"` +
    ` font-size="${(capHeight * 1.35).toFixed(2)}">${escapeMarkup(text)}</text>`
  );
}
