/**
 * Carries a plan out: tiles are placed, seen through the affine map, blended, jittered, flipped and written as planes, and the boxes take
 * the same way. Where a picture comes from is the caller's business.
 */

import { letterboxGeometry, type RgbImage } from "@yolov9/vision";

import { affineMatrix, invert } from "./affine.js";
import { moveBoxes, type BoxList } from "./move-boxes.js";
import { finishImage } from "./color.js";
import type { AnnotatedRows } from "../sample-table.js";
import type { LetterboxPlan, MosaicPlan, SamplePlan } from "./plan.js";
import { Warper, type Tile } from "./warp.js";

/** A decoded picture, scaled so that its longer side is the image size, with what is annotated in pixels of the source image. */
export interface Picture extends AnnotatedRows {
  readonly image: RgbImage;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
}

/** Boxes end this far before the image's right and bottom edge, as in the published recipe. */
const EDGE = 1e-3;

/** Renders plans of one image size; keeps its scratch memory between calls. */
export class Renderer {
  readonly #size: number;
  readonly #warper: Warper;
  readonly #first: Uint8Array;
  #second: Uint8Array | undefined;

  constructor(imageSize: number) {
    this.#size = imageSize;
    this.#warper = new Warper(imageSize);
    this.#first = new Uint8Array(imageSize * imageSize * 3);
  }

  /**
   * @param pictures those of `plannedPictures(plan)`, in its order
   * @param out receives the image as planes R, G, B of size * size bytes
   * @returns five numbers a row: class cx cy w h, as fractions of the image
   */
  render(plan: SamplePlan, pictures: readonly Picture[], out: Uint8Array): number[] {
    const boxes: BoxList = [];
    const own = plan.canvas.indices.length;
    this.#drawCanvas(plan.canvas, pictures.slice(0, own), this.#first, boxes);
    if (plan.blend) {
      this.#second ??= new Uint8Array(this.#first.length);
      this.#drawCanvas(plan.blend.canvas, pictures.slice(own), this.#second, boxes);
      blend(this.#first, this.#second, plan.blend.share);
    }
    finishImage(this.#first, this.#size, plan.hsv, plan.flip, out);
    return this.#normalise(boxes, plan.flip);
  }

  #drawCanvas(plan: MosaicPlan | LetterboxPlan, pictures: readonly Picture[], out: Uint8Array, boxes: BoxList): void {
    const size = this.#size;
    const canvasSize = plan.kind === "mosaic" ? 2 * size : size;
    const tiles = pictures.map(({ image }, corner) =>
      plan.kind === "mosaic" ? mosaicTile(image, corner, plan, canvasSize) : centredTile(image, size),
    );
    const matrix = affineMatrix(plan.affine, canvasSize, size);
    this.#warper.warp(tiles, invert(matrix), out);
    for (const [i, picture] of pictures.entries()) {
      const { originX, originY } = tiles[i]!;
      const { image, sourceWidth, sourceHeight } = picture;
      const toCanvas = [image.width / sourceWidth, 0, originX, 0, image.height / sourceHeight, originY] as const;
      moveBoxes(boxes, picture, { toCanvas, canvasSize, matrix, scale: plan.affine.scale, outputSize: size });
    }
  }

  #normalise(boxes: BoxList, flip: SamplePlan["flip"]): number[] {
    const size = this.#size;
    const rows: number[] = [];
    for (let i = 0; i < boxes.length; i += 5) {
      const [left, top, right, bottom] = boxes.slice(i + 1, i + 5).map((value) => Math.min(value, size - EDGE)) as [
        number,
        number,
        number,
        number,
      ];
      const centreX = (left + right) / 2 / size;
      const centreY = (top + bottom) / 2 / size;
      rows.push(
        boxes[i]!,
        flip.leftRight ? 1 - centreX : centreX,
        flip.upDown ? 1 - centreY : centreY,
        (right - left) / size,
        (bottom - top) / size,
      );
    }
    return rows;
  }
}

/** Corner 0 … 3: top left, top right, bottom left, bottom right of the mosaic's centre. Cut at the canvas. */
export function mosaicTile(
  { data, width, height }: RgbImage,
  corner: number,
  { centreX, centreY }: Pick<MosaicPlan, "centreX" | "centreY">,
  canvasSize: number,
): Tile {
  const originX = corner % 2 === 0 ? centreX - width : centreX;
  const originY = corner < 2 ? centreY - height : centreY;
  return {
    pixels: data,
    width,
    originX,
    originY,
    left: Math.max(originX, 0),
    top: Math.max(originY, 0),
    right: Math.min(originX + width, canvasSize),
    bottom: Math.min(originY + height, canvasSize),
  };
}

function centredTile({ data, width, height }: RgbImage, size: number): Tile {
  const { padLeft, padTop } = letterboxGeometry(width, height, size, size);
  return {
    pixels: data,
    width,
    originX: padLeft,
    originY: padTop,
    left: padLeft,
    top: padTop,
    right: padLeft + width,
    bottom: padTop + height,
  };
}

/** Mixup in place: `first` becomes share * first + (1 - share) * second, fractions dropped. */
function blend(first: Uint8Array, second: Uint8Array, share: number): void {
  const rest = 1 - share;
  for (let i = 0; i < first.length; i++) first[i] = first[i]! * share + second[i]! * rest;
}
