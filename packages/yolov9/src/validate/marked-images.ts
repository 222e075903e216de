/** Images with what was found and missed in them, as HTML figures that hold their pixels: an SVG over a small JPEG. */
import { basename } from "node:path";
import { MAX_PIXELS } from "@yolov9/vision";
import { openPicture } from "../data/index.js";
import type { MarkedDetection, MarkedImage } from "./analysis.js";
import { escapeMarkup } from "../markup.js";

const LONGER_SIDE = 720;
const JPEG_QUALITY = 78;

const RIGHT = "#16a34a";
const WRONG = "#dc2626";
const MISSED = "#f59e0b";
const EXCUSED = "#6b7280";

/** @throws Error when the image file has become unreadable */
export async function markedFigure(image: MarkedImage): Promise<string> {
  const { sample, detections, missed, errors } = image;
  const { width, height } = sample;
  const small = await openPicture(sample.path, { maxPixels: Math.max(MAX_PIXELS, width * height) })
    .rotate()
    .flatten({ background: "#ffffff" })
    .resize({ width: LONGER_SIDE, height: LONGER_SIDE, fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
  // Lines and letters keep their size on the page whatever the image's.
  const unit = Math.max(width, height) / 520;
  const boxes = [
    ...missed.map(({ box, name }) => boxMark(box, MISSED, unit, name, `${name}, missed`)),
    ...[...detections].reverse().map((detection) => detectionMark(detection, unit)),
  ];
  return (
    `<figure><svg viewBox="0 0 ${width} ${height}" role="img">` +
    `<image href="data:image/jpeg;base64,${small.toString("base64")}" width="${width}" height="${height}"/>` +
    `${boxes.join("")}</svg><figcaption><b>${escapeMarkup(basename(sample.path))}</b> · ${summary(image, errors)}</figcaption></figure>`
  );
}

function summary({ detections, missed }: MarkedImage, errors: number): string {
  const kinds = new Map<string, number>();
  for (const { verdict } of detections) {
    if (verdict !== "hit" && verdict !== "excused") kinds.set(verdict, (kinds.get(verdict) ?? 0) + 1);
  }
  if (missed.length > 0) kinds.set("missed", missed.length);
  const hits = detections.filter(({ verdict }) => verdict === "hit").length;
  const list = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `${hits} right, ${errors} errors: ${list}`;
}

function detectionMark({ box, name, score, verdict }: MarkedDetection, unit: number): string {
  const text = `${name} ${score.toFixed(2)}`;
  const colour = verdict === "hit" ? RIGHT : verdict === "excused" ? EXCUSED : WRONG;
  return boxMark(box, colour, unit, text, `${text}, ${verdict}`);
}

/** An outline, dashed for what was missed, with its text above the upper left corner, or below it at the image's upper edge. */
function boxMark(
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  colour: string,
  unit: number,
  text: string,
  hint: string,
): string {
  const size = 8 * unit;
  const y = y1 > size * 1.3 ? y1 - 0.35 * size : y1 + size;
  const dash = colour === MISSED ? ` stroke-dasharray="${round(4 * unit)} ${round(3 * unit)}"` : "";
  return (
    `<g><title>${escapeMarkup(hint)}</title>` +
    `<rect x="${round(x1)}" y="${round(y1)}" width="${round(x2 - x1)}" height="${round(y2 - y1)}" fill="none" ` +
    `stroke="${colour}" stroke-width="${round(1.2 * unit)}"${dash}/>` +
    `<text x="${round(x1)}" y="${round(y)}" font-size="${round(size)}" font-family="sans-serif" fill="#fff" ` +
    `stroke="${colour}" stroke-width="${round(2 * unit)}" paint-order="stroke">${escapeMarkup(text)}</text></g>`
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
