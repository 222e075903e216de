/** Colours of classes in annotated images. No drawing. */

/** The palette that users of the YOLO family know, as RGB. */
const PALETTE = [
  "#FF3838", "#FF9D97", "#FF701F", "#FFB21D", "#CFD231", "#48F90A", "#92CC17", "#3DDB86", "#1A9334", "#00D4BB",
  "#2C99A8", "#00C2FF", "#344593", "#6473FF", "#0018EC", "#8438FF", "#520085", "#CB38FF", "#FF95C8", "#FF37C7",
] as const; // prettier-ignore

/** Colours at least as far apart as this cannot be confused; the distance is that of `difference`. */
const CLEARLY_DIFFERENT = 250;

/** The nth colour of the palette, as `#RRGGBB`; they repeat. */
export function paletteColour(index: number): string {
  return PALETTE[index % PALETTE.length]!;
}

/**
 * Colours for the classes that occur in a run: a class keeps the colour that it is given when it is first seen. That is its own of the
 * palette, or, where a class seen before has that one or one like it, the one that differs most from those in use.
 */
export class ClassColours {
  /** Places among the candidates by class. */
  readonly #given = new Map<number, number>();

  /** The colours of the classes of one picture; new ones are chosen in the order of their numbers. */
  add(classes: Iterable<number>): void {
    for (const classIndex of [...new Set(classes)].sort((a, b) => a - b)) this.of(classIndex);
  }

  of(classIndex: number): string {
    let given = this.#given.get(classIndex);
    if (given === undefined) this.#given.set(classIndex, (given = this.#choose(classIndex % PALETTE.length)));
    return CANDIDATES[given]!;
  }

  /** @param own place of the class's own colour among the candidates */
  #choose(own: number): number {
    const used = [...new Set(this.#given.values())];
    const apart = CANDIDATES.map((_, i) => Math.min(Infinity, ...used.map((other) => difference(i, other))));
    if (apart[own]! >= CLEARLY_DIFFERENT) return own;
    const farthest = apart.reduce((best, distance, i) => (distance > apart[best]! ? i : best), 0);
    // With more classes than candidates, colours repeat.
    return apart[farthest] === 0 ? own : farthest;
  }
}

/** How much black or white is mixed in. */
const MIXED_SHARE = 0.4;

/** The palette, then its colours darkened and lightened. */
const CANDIDATES = [
  ...PALETTE,
  ...PALETTE.map((colour) => mixed(colour, 0)),
  ...PALETTE.map((colour) => mixed(colour, 255)),
];

function mixed(colour: string, level: number): string {
  const parts = channels(colour).map((value) => Math.round(value + MIXED_SHARE * (level - value)));
  return `#${parts.map((value) => value.toString(16).padStart(2, "0").toUpperCase()).join("")}`;
}

const CANDIDATE_CHANNELS = CANDIDATES.map(channels);

/** How different two candidates look: "redmean", which weights channels by the mean of the reds; black and white are 765 apart. */
function difference(a: number, b: number): number {
  const [first, second] = [CANDIDATE_CHANNELS[a]!, CANDIDATE_CHANNELS[b]!];
  const [red, green, blue] = first.map((value, i) => (value - second[i]!) ** 2);
  const mean = (first[0]! + second[0]!) / 2;
  return Math.sqrt((2 + mean / 256) * red! + 4 * green! + (2 + (255 - mean) / 256) * blue!);
}

function channels(colour: string): number[] {
  return [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16));
}

/** Black or white, whichever reads better on `colour`, by its relative luminance (WCAG 2). */
export function readableOn(colour: string): "#000000" | "#FFFFFF" {
  const [r, g, b] = channels(colour).map((value) => linear(value / 255));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! > MID_LUMINANCE ? "#000000" : "#FFFFFF";
}

/** Higher than the 0.179 of equal contrast: on saturated reds, greens and blues people read white better than the formula says. */
const MID_LUMINANCE = 0.3;

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}
