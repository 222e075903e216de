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

/** Tables for one image's gains. */
class HsvTables {
  /** New sector 0 … 5 and place within it 0 … 1, by old hue. */
  readonly sector = new Uint8Array(HUES);
  readonly fraction = new Float64Array(HUES);
  /** New saturation 0 … 1 by old saturation 0 … 255. */
  readonly saturation = new Float64Array(256);
  /** New value by old value, both 0 … 255. */
  readonly value = new Uint8Array(256);

  constructor(gains: HsvGains) {
    for (let hue = 0; hue < HUES; hue++) {
      const moved = Math.floor((hue * gains.hue) % HUES);
      this.sector[hue] = Math.floor(moved / HUES_A_SECTOR);
      this.fraction[hue] = (moved % HUES_A_SECTOR) / HUES_A_SECTOR;
    }
    for (let level = 0; level < 256; level++) {
      this.saturation[level] = Math.floor(Math.min(level * gains.saturation, 255)) / 255;
      this.value[level] = Math.floor(Math.min(level * gains.value, 255));
    }
  }
}

/**
 * Jitter, flip and split into planes.
 * @param rgb size * size interleaved pixels
 * @param out receives the R, G and B planes one after the other, each row-major
 */
export function finishImage(
  rgb: Uint8Array,
  size: number,
  gains: HsvGains,
  flip: { readonly leftRight: boolean; readonly upDown: boolean },
  out: Uint8Array,
): void {
  const tables = new HsvTables(gains);
  const step = flip.leftRight ? -1 : 1;
  for (let y = 0; y < size; y++) {
    const row = (flip.upDown ? size - 1 - y : y) * size;
    jitterRow(rgb, y * size * 3, size, tables, out, flip.leftRight ? row + size - 1 : row, step);
  }
}

function jitterRow(
  rgb: Uint8Array,
  from: number,
  size: number,
  { sector, fraction, saturation, value }: HsvTables,
  out: Uint8Array,
  start: number,
  step: number,
): void {
  const plane = size * size;
  const end = from + size * 3;
  for (let i = from, to = start; i < end; i += 3, to += step) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const high = r > g ? (r > b ? r : b) : g > b ? g : b;
    const low = r < g ? (r < b ? r : b) : g < b ? g : b;
    const spread = high - low;
    const v = value[high]!;
    if (spread === 0) {
      out[to] = v;
      out[to + plane] = v;
      out[to + 2 * plane] = v;
      continue;
    }
    const angle = high === r ? g - b : high === g ? b - r + 2 * spread : r - g + 4 * spread;
    let hue = (angle * HUE_OF[spread]! + HALF) >> SHIFT;
    if (hue < 0) hue += HUES;
    const s = saturation[(spread * SATURATION_OF[high]! + HALF) >> SHIFT]!;
    const f = fraction[hue]!;
    const p = (v * (1 - s) + 0.5) | 0;
    const q = (v * (1 - s * f) + 0.5) | 0;
    const t = (v * (1 - s * (1 - f)) + 0.5) | 0;
    switch (sector[hue]) {
      case 0:
        out[to] = v;
        out[to + plane] = t;
        out[to + 2 * plane] = p;
        break;
      case 1:
        out[to] = q;
        out[to + plane] = v;
        out[to + 2 * plane] = p;
        break;
      case 2:
        out[to] = p;
        out[to + plane] = v;
        out[to + 2 * plane] = t;
        break;
      case 3:
        out[to] = p;
        out[to + plane] = q;
        out[to + 2 * plane] = v;
        break;
      case 4:
        out[to] = t;
        out[to + plane] = p;
        out[to + 2 * plane] = v;
        break;
      default:
        out[to] = v;
        out[to + plane] = p;
        out[to + 2 * plane] = q;
    }
  }
}
