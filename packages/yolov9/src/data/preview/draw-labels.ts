/** Labels as an SVG that lies over a training image: boxes, outlines, keypoints and class names. What the network is told, no more. */

import { classNameOf } from "../../class-name.js";
import { paletteColour, readableOn, type ClassColours } from "../../draw/palette.js";
import { strokeText, strokeWidth } from "../../draw/stroke-font.js";
import type { TrainingImage } from "../replay.js";

const LINE = 1.5;
const CAP_HEIGHT = 7;
const PADDING = 2;
const KEYPOINT_RADIUS = 3;
/** Boxes narrower than this get no name: it would hide them. */
const NAMED_WIDTH = 24;

/** @returns SVG elements for an image that is shown `width` x `height` pixels large */
export function labelMarks(
  { rows, outlines, keypoints }: Pick<TrainingImage, "rows" | "outlines" | "keypoints">,
  names: readonly string[],
  width: number,
  height: number,
  colours: ClassColours,
): string {
  const count = rows.length / 5;
  const perRow = count === 0 ? 0 : keypoints.length / count;
  return Array.from({ length: count }, (_, row) => {
    const [classIndex, cx, cy, w, h] = rows.slice(row * 5, row * 5 + 5) as [number, number, number, number, number];
    const colour = colours.of(classIndex);
    const box = { x: (cx - w / 2) * width, y: (cy - h / 2) * height, width: w * width, height: h * height };
    const points = keypoints.subarray(row * perRow, (row + 1) * perRow);
    return [
      ...(outlines[row] ?? []).map((ring) => outline(ring, width, height, colour)),
      `<rect ${attributes(box)} fill="none" stroke="${colour}" stroke-width="${LINE}"/>`,
      box.width >= NAMED_WIDTH ? nameTab(classNameOf(names, classIndex), box.x, box.y, colour) : "",
      keypointMarks(points, width, height),
    ].join("");
  }).join("");
}

function outline(ring: Float32Array, width: number, height: number, colour: string): string {
  const points = Array.from(ring, (value, i) => (value * (i % 2 === 0 ? width : height)).toFixed(1)).join(" ");
  return `<polygon points="${points}" fill="${colour}" fill-opacity="0.3" stroke="${colour}" stroke-width="1"/>`;
}

function nameTab(name: string, x: number, y: number, colour: string): string {
  const tab = { x, y, width: strokeWidth(name, CAP_HEIGHT) + 2 * PADDING, height: CAP_HEIGHT * (4 / 3) + 2 * PADDING };
  const text = strokeText(name, x + PADDING, y + PADDING, CAP_HEIGHT, readableOn(colour));
  return `<rect ${attributes(tab)} fill="${colour}"/>${text}`;
}

/** Filled when visible, a ring when hidden; the colour tells which point it is. */
function keypointMarks(points: Float32Array, width: number, height: number): string {
  return Array.from({ length: points.length / 3 }, (_, i) => {
    const [x, y, visibility] = [points[i * 3]!, points[i * 3 + 1]!, points[i * 3 + 2]!];
    if (visibility === 0) return "";
    const colour = paletteColour(i);
    const place = `cx="${(x * width).toFixed(1)}" cy="${(y * height).toFixed(1)}" r="${KEYPOINT_RADIUS}"`;
    return `<circle ${place} fill="${visibility === 2 ? colour : "none"}" stroke="${visibility === 2 ? "white" : colour}"/>`;
  }).join("");
}

function attributes(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.toFixed(1)}"`)
    .join(" ");
}
