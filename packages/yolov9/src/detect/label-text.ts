/** Detections as the text rows that YOLO label files consist of: `class cx cy w h [score]`, fractions of the picture. */
import type { DetectedImage } from "./detected-image.js";

/** Digits after which `%g` of C cuts a number off; the format that readers of these files know. */
const SIGNIFICANT_DIGITS = 6;

/** One row a box, most certain first, each ended by a line break; empty for a picture without detections. */
export function labelText(image: DetectedImage, withScores: boolean): string {
  return image.boxes
    .map(({ box: [x1, y1, x2, y2], classIndex, score }) => {
      const { width, height } = image;
      const numbers = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
      if (withScores) numbers.push(score);
      return `${classIndex} ${numbers.map((value) => Number(value.toPrecision(SIGNIFICANT_DIGITS))).join(" ")}\n`;
    })
    .join("");
}
