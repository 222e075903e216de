// Backgrounds for the scenes: coloured paper with noise and a pattern, so that a detector cannot find digits by looking
// for "anything that is not flat". Drawn, not photographed; no digit is placed here.

import type { RgbImage } from "@yolov9/vision";
import type { Random } from "./random.js";

/** Red, green and blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

export interface Texture {
  image: RgbImage;
  /** Whether ink must be light to be seen. */
  isDark: boolean;
}

/** How strongly a pattern covers the paper at a pixel, 0 to 1. */
type Pattern = (x: number, y: number) => number;

const DARK_LIGHTNESS = [0.1, 0.36] as const;
const LIGHT_LIGHTNESS = [0.66, 0.94] as const;
/** The pattern's lightness differs from the paper's by at most this, which keeps it away from the ink's. */
const PATTERN_CONTRAST = 0.14;
/** A texture has one hue and saturation; of its lightness so many steps are told apart. */
const SHADES = 512;
/** Noise of three scales, in cells across the image, and its strength in lightness. */
const NOISE_OCTAVES = [
  { cells: 3, strength: 0.09 },
  { cells: 12, strength: 0.05 },
  { cells: 60, strength: 0.04 },
];

/** A square background of `size` pixels. */
export function drawTexture(random: Random, size: number): Texture {
  const isDark = random.uniform(0, 1) < 0.5;
  const hue = random.uniform(0, 360);
  const saturation = random.uniform(0.05, 0.5);
  const lightness = random.within(isDark ? DARK_LIGHTNESS : LIGHT_LIGHTNESS);
  const patternStep = random.pick([-1, 1]) * random.uniform(0.05, PATTERN_CONTRAST);
  const pattern = random.pick([ruledLines, grid, stripes, dots, plain])(random, size);
  const noise = NOISE_OCTAVES.map(({ cells, strength }) => ({ at: valueNoise(random, cells, size), strength }));

  const shades = Array.from({ length: SHADES }, (_, shade) => hsl(hue, saturation, shade / (SHADES - 1)));
  const data = new Uint8Array(size * size * 3);
  let pixel = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let light = lightness + patternStep * pattern(x, y);
      for (const { at, strength } of noise) light += strength * at(x, y);
      const shade = shades[Math.round(Math.min(Math.max(light, 0), 1) * (SHADES - 1))]!;
      for (let channel = 0; channel < 3; channel++) data[pixel++] = shade[channel]!;
    }
  }
  return { image: { data, width: size, height: size }, isDark };
}

/** A colour that stands out against a texture. */
export function inkFor(random: Random, texture: Texture): Color {
  const lightness = random.within(texture.isDark ? LIGHT_LIGHTNESS : DARK_LIGHTNESS);
  return hsl(random.uniform(0, 360), random.uniform(0.2, 0.9), lightness);
}

const plain = (): Pattern => () => 0;

function ruledLines(random: Random, size: number): Pattern {
  const spacing = size * random.uniform(0.06, 0.16);
  const thickness = random.uniform(1, 2.5);
  const first = random.uniform(0, spacing);
  return (_, y) => (modulo(y - first, spacing) < thickness ? 1 : 0);
}

function grid(random: Random, size: number): Pattern {
  const lines = ruledLines(random, size);
  return (x, y) => Math.max(lines(x, y), lines(y, x));
}

function stripes(random: Random, size: number): Pattern {
  const angle = random.uniform(0, Math.PI);
  const period = size * random.uniform(0.04, 0.2);
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => 0.5 + 0.5 * Math.sin((2 * Math.PI * (x * alongX + y * alongY)) / period);
}

function dots(random: Random, size: number): Pattern {
  const spacing = size * random.uniform(0.05, 0.12);
  const radius = spacing * random.uniform(0.15, 0.35);
  return (x, y) => {
    const [fromX, fromY] = [modulo(x, spacing) - spacing / 2, modulo(y, spacing) - spacing / 2];
    return fromX ** 2 + fromY ** 2 < radius ** 2 ? 1 : 0;
  };
}

/** Random values on a lattice of `cells` by `cells`, smoothly interpolated; -1 to 1. */
function valueNoise(random: Random, cells: number, size: number): (x: number, y: number) => number {
  const side = cells + 1;
  const lattice = Float64Array.from({ length: side * side }, () => random.uniform(-1, 1));
  const value = (column: number, row: number) => lattice[row * side + column] ?? 0;
  return (x, y) => {
    const [atX, atY] = [(x / size) * cells, (y / size) * cells];
    const [column, row] = [Math.floor(atX), Math.floor(atY)];
    const [right, down] = [smoothstep(atX - column), smoothstep(atY - row)];
    const upper = mix(value(column, row), value(column + 1, row), right);
    const lower = mix(value(column, row + 1), value(column + 1, row + 1), right);
    return mix(upper, lower, down);
  };
}

/** Hue in degrees, saturation and lightness 0 to 1 (clipped). */
function hsl(hue: number, saturation: number, lightness: number): Color {
  const light = Math.min(Math.max(lightness, 0), 1);
  const reach = saturation * Math.min(light, 1 - light);
  const channel = (offset: number) => {
    const sector = modulo(offset + hue / 30, 12);
    return Math.round(255 * (light - reach * Math.max(-1, Math.min(sector - 3, 9 - sector, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

function smoothstep(t: number): number {
  return t * t * (3 - 2 * t);
}

function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

function modulo(value: number, period: number): number {
  return value - period * Math.floor(value / period);
}
