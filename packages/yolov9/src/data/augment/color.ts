/**
 * The last pass over a training image: hue, saturation and value are scaled, the picture is flipped, and interleaved RGB becomes planes, all
 * in one walk. The colour space is OpenCV's 8-bit HSV (hue 0 … 179, fixed-point division tables), whose rounding the recipe was tuned with.
 */

import type { AugmentConfig } from "./config.js";
import type { Random } from "./random.js";

/** Factors by which hue, saturation and value are multiplied. */
export interface HsvGains {
  readonly hue: number;
  readonly saturation: number;
  readonly value: number;
}

export function drawHsv(random: Random, { hsvH, hsvS, hsvV }: AugmentConfig): HsvGains {
  return {
    hue: 1 + random.uniform(-hsvH, hsvH),
    saturation: 1 + random.uniform(-hsvS, hsvS),
    value: 1 + random.uniform(-hsvV, hsvV),
  };
}

const HUES = 180;
const HUES_A_SECTOR = HUES / 6;
/** Fixed-point bits of OpenCV's division tables. */
const SHIFT = 12;
const HALF = 1 << (SHIFT - 1);

const byteTable = (entry: (i: number) => number) => Int32Array.from({ length: 256 }, (_, i) => entry(i));
const SATURATION_OF = byteTable((value) => (value === 0 ? 0 : Math.round((255 << SHIFT) / value)));
const HUE_OF = byteTable((spread) => (spread === 0 ? 0 : Math.round((HUES << SHIFT) / (6 * spread))));

/** The formula gives hues from here round to 5 sectors, both included; those below 0 count from 180 downwards. */
const LOWEST_HUE = -HUES_A_SECTOR;
const HUE_RANGE = HUES + 1;

/** How far each channel falls below the brightest, as a share of saturation, from the start of a sector (0) to its end (1). */
const FALL: readonly (readonly ((fraction: number) => number)[])[] = [
  [() => 0, (f) => 1 - f, () => 1],
  [(f) => f, () => 0, () => 1],
  [() => 1, () => 0, (f) => 1 - f],
  [() => 1, (f) => f, () => 0],
  [(f) => 1 - f, () => 1, () => 0],
  [() => 0, () => 1, (f) => f],
];

/** Tables for one image's gains: a pixel's new colour is value * (1 - saturation * fall), channel by channel. */
class HsvTables {
  /** By old hue - LOWEST_HUE. */
  readonly red = new Float64Array(HUE_RANGE);
  readonly green = new Float64Array(HUE_RANGE);
  readonly blue = new Float64Array(HUE_RANGE);
  /** New saturation 0 … 1 by old saturation 0 … 255. */
  readonly saturation = new Float64Array(256);
  /** New value by old value, both 0 … 255. */
  readonly value = new Uint8Array(256);

  constructor(gains: HsvGains) {
    for (let i = 0; i < HUE_RANGE; i++) {
      const hue = (i + LOWEST_HUE + HUES) % HUES;
      const moved = Math.floor((hue * gains.hue) % HUES);
      const fraction = (moved % HUES_A_SECTOR) / HUES_A_SECTOR;
      const [red, green, blue] = FALL[Math.floor(moved / HUES_A_SECTOR)]!.map((fall) => fall(fraction));
      this.red[i] = red!;
      this.green[i] = green!;
      this.blue[i] = blue!;
    }
    for (let level = 0; level < 256; level++) {
      this.saturation[level] = Math.floor(Math.min(level * gains.saturation, 255)) / 255;
      this.value[level] = Math.floor(Math.min(level * gains.value, 255));
    }
  }
}

/**
 * Jitter, flip and split into planes.
 * @param rgb width * height interleaved pixels
 * @param out receives the R, G and B planes one after the other, each row-major
 */
export function finishImage(
  rgb: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  gains: HsvGains,
  flip: { readonly leftRight: boolean; readonly upDown: boolean },
  out: Uint8Array,
): void {
  const tables = new HsvTables(gains);
  const plane = width * height;
  const planes = [0, 1, 2].map((channel) => out.subarray(channel * plane, (channel + 1) * plane));
  for (let y = 0; y < height; y++) {
    const row = (flip.upDown ? height - 1 - y : y) * width;
    jitterRow(
      rgb,
      y * width * 3,
      width,
      tables,
      planes,
      flip.leftRight ? row + width - 1 : row,
      flip.leftRight ? -1 : 1,
    );
  }
}

function jitterRow(
  rgb: Uint8Array,
  from: number,
  width: number,
  { red, green, blue, saturation, value }: HsvTables,
  planes: readonly Uint8Array[],
  start: number,
  step: number,
): void {
  const [reds, greens, blues] = planes as [Uint8Array, Uint8Array, Uint8Array];
  const end = from + width * 3;
  for (let i = from, to = start; i < end; i += 3, to += step) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const high = r > g ? (r > b ? r : b) : g > b ? g : b;
    const low = r < g ? (r < b ? r : b) : g < b ? g : b;
    const spread = high - low;
    const v = value[high]!;
    if (spread === 0) {
      reds[to] = v;
      greens[to] = v;
      blues[to] = v;
      continue;
    }
    const angle = high === r ? g - b : high === g ? b - r + 2 * spread : r - g + 4 * spread;
    const hue = ((angle * HUE_OF[spread]! + HALF) >> SHIFT) - LOWEST_HUE;
    const vs = v * saturation[(spread * SATURATION_OF[high]! + HALF) >> SHIFT]!;
    reds[to] = (v - vs * red[hue]! + 0.5) | 0;
    greens[to] = (v - vs * green[hue]! + 0.5) | 0;
    blues[to] = (v - vs * blue[hue]! + 0.5) | 0;
  }
}
