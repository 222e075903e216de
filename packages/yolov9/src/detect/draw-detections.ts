/**
 * Draws boxes with class names and scores onto a picture, as an SVG that is composited over it. It knows pixels and colours;
 * where the boxes come from and where the picture goes is not its matter.
 */
import sharp from "sharp";
import { openPicture, type PictureLimits } from "../data/index.js";
import { ClassColours, readableOn } from "../draw/palette.js";
import { placeLabels, type LabelledBox, type Rectangle } from "../draw/place-labels.js";
import { canStroke, strokeText, strokeWidth } from "../draw/stroke-font.js";
import { escapeMarkup } from "../markup.js";
import { printable } from "../printable.js";
import type { DetectedBox } from "./detected-image.js";

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
 * @param colours of the run that the picture belongs to
 */
export async function drawDetections(
  image: Buffer | string,
  boxes: readonly DetectedBox[],
  format: "jpeg" | "png" = "jpeg",
  limits: PictureLimits = {},
  colours = new ClassColours(),
): Promise<Buffer> {
  const upright = await openPicture(image, limits).rotate().removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = upright.info;
  const picture = sharp(upright.data, { raw: { width, height, channels } })
    .composite([{ input: Buffer.from(overlay(boxes, width, height, colours)) }])
    .removeAlpha();
  return format === "png" ? picture.png().toBuffer() : picture.jpeg({ quality: 92 }).toBuffer();
}

/** All boxes and labels as one SVG document of the picture's size. The most certain ones are drawn last, on top, and their labels placed first. */
export function overlay(
  boxes: readonly DetectedBox[],
  width: number,
  height: number,
  colours = new ClassColours(),
): string {
  const side = (width + height) / 2;
  const line = Math.max(Math.round(side * LINE_WIDTH_SHARE), LINE_WIDTH_MIN_PX);
  const [smallest, largest] = CAP_HEIGHT_RANGE_PX;
  const capHeight = Math.min(Math.max(side * CAP_HEIGHT_SHARE, smallest), largest);
  const ordered = [...boxes].sort((a, b) => b.score - a.score);
  colours.add(ordered.map(({ classIndex }) => classIndex));
  const labels = ordered.map((box) => labelOf(box, capHeight, width));
  const places = placeLabels(labels, { width, height }, line / 2);
  const colour = ({ classIndex }: DetectedBox) => colours.of(classIndex);
  const shapes = [
    ...ordered.map((box, i) => outline(labels[i]!.box, line, colour(box))).reverse(),
    ...ordered.map((box, i) => label(labels[i]!.text, places[i]!, capHeight, colour(box))).reverse(),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join("")}</svg>`;
}

function outline({ x, y, width, height }: Rectangle, line: number, colour: string): string {
  return (
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="${colour}"` +
    ` stroke-width="${line}" stroke-linejoin="round"/>`
  );
}

/** Around the text of a label, as a share of the height of capitals. */
const PADDING_SHARE = 0.45;

interface Label extends LabelledBox {
  readonly text: string;
}

function labelOf({ box: [x1, y1, x2, y2], className, score }: DetectedBox, capHeight: number, most: number): Label {
  const padding = capHeight * PADDING_SHARE;
  const text = fittingText(printable(className), score.toFixed(2), capHeight, most - 2 * padding);
  const [x, y] = [Math.round(x1), Math.round(y1)];
  return {
    text,
    box: { x, y, width: Math.round(x2) - x, height: Math.round(y2) - y },
    width: strokeWidth(text, capHeight) + 2 * padding,
    // Descenders need a third of the capitals' height below the baseline.
    height: capHeight * (4 / 3) + 1.3 * padding,
  };
}

/** Name and score, the name cut where the picture is not wide enough for it. */
function fittingText(name: string, score: string, capHeight: number, most: number): string {
  const whole = `${name} ${score}`;
  if (strokeWidth(whole, capHeight) <= most) return whole;
  const letters = Array.from(name);
  while (letters.length > 1 && strokeWidth(`${letters.join("")}.. ${score}`, capHeight) > most) letters.pop();
  return letters.length > 1 ? `${letters.join("")}.. ${score}` : score;
}

/** A filled tab with the text. */
function label(text: string, { x, y, width, height }: Rectangle, capHeight: number, colour: string): string {
  const padding = capHeight * PADDING_SHARE;
  const tab =
    `<rect x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${width.toFixed(2)}"` +
    ` height="${height.toFixed(2)}" fill="${colour}"/>`;
  return tab + labelText(text, x + padding, y + padding, capHeight, readableOn(colour));
}

/** Lines of our own where they can spell the text, else whatever font the system has for it. */
function labelText(text: string, x: number, y: number, capHeight: number, colour: string): string {
  if (canStroke(text)) return strokeText(text, x, y, capHeight, colour);
  return (
    `<text x="${x.toFixed(2)}" y="${(y + capHeight).toFixed(2)}" fill="${colour}" font-family="sans-serif"` +
    ` font-size="${(capHeight * 1.35).toFixed(2)}">${escapeMarkup(text)}</text>`
  );
}
