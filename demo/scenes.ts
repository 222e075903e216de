// Composes a scene: several handwritten digits of random size, slant and place on a textured background, with the exact
// box of each digit's ink. Pure: the same generator state and digits give the same scene.

import type { RgbImage } from "@yolov9/vision";
import { INK_SIZE, SAMPLE_SIZE, type Digit } from "./digits.js";
import type { Random } from "./random.js";
import { drawTexture, inkFor, type Color, type Texture } from "./textures.js";

export interface Scene {
  image: RgbImage;
  /** [n * 4] x1 y1 x2 y2 in pixels: the first and (exclusive) last column and row that have ink */
  boxes: Float32Array;
  /** [n] the digit in each box */
  classes: Int32Array;
}

/** The ink of one digit, cropped so that every outer row and column has some. */
export interface Ink {
  width: number;
  height: number;
  /** [height * width] opacity: 0, or at least `FAINTEST` and at most 1 */
  opacity: Float32Array;
}

export interface Handwriting {
  /** Height in pixels of a digit that fills MNIST's 20-pixel square. */
  height: number;
  /** Turn in radians, clockwise. */
  angle: number;
  /** Shift to the right per unit of height. */
  slant: number;
}

/** Fainter ink would be lost in the texture and in JPEG, so it is left out, and out of the box. */
export const FAINTEST = 1 / 8;
/** Sampled grey levels from here to there become the ink's soft edge: enlarged digits look pen-drawn, not blurred. */
const EDGE = [0.25, 0.65] as const;

const DIGITS_A_SCENE = [5, 10] as const;
/** Digit heights as a share of the scene's. */
const RELATIVE_HEIGHT = [0.16, 0.36] as const;
const LARGEST_ANGLE = 0.2;
const LARGEST_SLANT = 0.15;
/** Pixels between two boxes at least. */
const GAP = 3;
const TRIES = 40;

/** A square scene of `size` pixels with digits drawn from `digits`. */
export function composeScene(random: Random, digits: readonly Digit[], size: number): Scene {
  const texture = drawTexture(random, size);
  return { image: texture.image, ...scatterDigits(random, digits, texture) };
}

/** Paints digits on a texture (in place) where they do not touch each other, and returns their boxes and classes. */
export function scatterDigits(random: Random, digits: readonly Digit[], texture: Texture): Omit<Scene, "image"> {
  const { image } = texture;
  const boxes: number[] = [];
  const classes: number[] = [];
  for (let wanted = random.integer(...DIGITS_A_SCENE); wanted > 0; wanted--) {
    const digit = random.pick(digits);
    const ink = renderInk(digit, {
      height: image.height * random.logUniform(...RELATIVE_HEIGHT),
      angle: random.uniform(-LARGEST_ANGLE, LARGEST_ANGLE),
      slant: random.uniform(-LARGEST_SLANT, LARGEST_SLANT),
    });
    const place = findPlace(random, ink, boxes, image);
    if (place === undefined) continue;
    paintInk(image, ink, place, inkFor(random, texture));
    boxes.push(place.x, place.y, place.x + ink.width, place.y + ink.height);
    classes.push(digit.label);
  }
  return { boxes: Float32Array.from(boxes), classes: Int32Array.from(classes) };
}

/** Draws a digit at a size and slant: each target pixel looks up where it came from in the 28x28 sample. */
export function renderInk(digit: Digit, { height, angle, slant }: Handwriting): Ink {
  const scale = height / INK_SIZE;
  const reach = Math.ceil(SAMPLE_SIZE * scale * (1 + Math.abs(slant)));
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const opacity = new Float32Array(reach * reach);
  for (let row = 0; row < reach; row++) {
    for (let column = 0; column < reach; column++) {
      const [x, y] = [column + 0.5 - reach / 2, row + 0.5 - reach / 2];
      const upright = { x: x * cos + y * sin, y: y * cos - x * sin };
      const grey = sampleBilinear(
        digit.ink,
        upright.x + slant * upright.y + SAMPLE_SIZE / 2,
        upright.y + SAMPLE_SIZE / 2,
      );
      opacity[row * reach + column] = inkOpacity(grey);
    }
  }
  return cropToInk(opacity, reach);
}

/** Blends ink into the image with its upper left corner at `place`. */
export function paintInk(image: RgbImage, ink: Ink, place: { x: number; y: number }, color: Color): void {
  for (let row = 0; row < ink.height; row++) {
    for (let column = 0; column < ink.width; column++) {
      const opacity = ink.opacity[row * ink.width + column]!;
      const pixel = ((place.y + row) * image.width + place.x + column) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const paper = image.data[pixel + channel]!;
        image.data[pixel + channel] = Math.round(paper + opacity * (color[channel]! - paper));
      }
    }
  }
}

function inkOpacity(grey: number): number {
  const t = Math.min(Math.max((grey - EDGE[0]) / (EDGE[1] - EDGE[0]), 0), 1);
  const opacity = t * t * (3 - 2 * t);
  return opacity < FAINTEST ? 0 : opacity;
}

/** Pixel centres lie at 0.5, 1.5, …; outside the sample there is no ink. */
function sampleBilinear(ink: Float32Array, x: number, y: number): number {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [right, down] = [x - 0.5 - left, y - 0.5 - top];
  const at = (column: number, row: number) =>
    column < 0 || row < 0 || column >= SAMPLE_SIZE || row >= SAMPLE_SIZE ? 0 : ink[row * SAMPLE_SIZE + column]!;
  const upper = at(left, top) * (1 - right) + at(left + 1, top) * right;
  const lower = at(left, top + 1) * (1 - right) + at(left + 1, top + 1) * right;
  return upper * (1 - down) + lower * down;
}

function cropToInk(opacity: Float32Array, side: number): Ink {
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      if (opacity[row * side + column] === 0) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
    }
  }
  const [width, height] = [Math.max(right - left, 0), Math.max(bottom - top, 0)];
  const cropped = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * side + left;
    cropped.set(opacity.subarray(from, from + width), row * width);
  }
  return { width, height, opacity: cropped };
}

/** A random place inside the image at least `GAP` pixels from every box, or undefined when none was found. */
function findPlace(
  random: Random,
  ink: Ink,
  boxes: readonly number[],
  image: RgbImage,
): { x: number; y: number } | undefined {
  if (ink.width === 0 || ink.width > image.width || ink.height > image.height) return undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const x = random.integer(0, image.width - ink.width);
    const y = random.integer(0, image.height - ink.height);
    if (!touchesAny(x, y, x + ink.width, y + ink.height, boxes)) return { x, y };
  }
  return undefined;
}

function touchesAny(x1: number, y1: number, x2: number, y2: number, boxes: readonly number[]): boolean {
  for (let i = 0; i < boxes.length; i += 4) {
    const apart =
      x1 >= boxes[i + 2]! + GAP || boxes[i]! >= x2 + GAP || y1 >= boxes[i + 3]! + GAP || boxes[i + 1]! >= y2 + GAP;
    if (!apart) return true;
  }
  return false;
}
