/** Colours of classes in annotated images: twenty well separated ones, repeated. No drawing. */

/** The palette that users of the YOLO family know, as RGB. */
const PALETTE = [
  "#FF3838", "#FF9D97", "#FF701F", "#FFB21D", "#CFD231", "#48F90A", "#92CC17", "#3DDB86", "#1A9334", "#00D4BB",
  "#2C99A8", "#00C2FF", "#344593", "#6473FF", "#0018EC", "#8438FF", "#520085", "#CB38FF", "#FF95C8", "#FF37C7",
] as const; // prettier-ignore

/** The colour of a class, as `#RRGGBB`. */
export function classColour(classIndex: number): string {
  return PALETTE[classIndex % PALETTE.length]!;
}

/** Black or white, whichever reads better on `colour`, by its relative luminance (WCAG 2). */
export function readableOn(colour: string): "#000000" | "#FFFFFF" {
  const [r, g, b] = [1, 3, 5].map((i) => linear(Number.parseInt(colour.slice(i, i + 2), 16) / 255));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! > MID_LUMINANCE ? "#000000" : "#FFFFFF";
}

/** Higher than the 0.179 of equal contrast: on saturated reds, greens and blues people read white better than the formula says. */
const MID_LUMINANCE = 0.3;

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}
