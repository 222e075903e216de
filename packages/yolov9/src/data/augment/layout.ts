/** Where the pictures of a plan lie on its canvas. Geometry only: the canvas is never painted. */

import { letterboxGeometry, type RgbImage } from "@yolov9/vision";

import type { CanvasPlan, MosaicPlan, NineMosaicPlan } from "./plan.js";
import type { Tile } from "./tile.js";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly canvas: Size;
  /** One a picture, in the plan's order. They do not overlap. */
  readonly tiles: readonly Tile[];
}

/** @param output size of the image that is made; mosaics are square and of its longer side */
export function layoutOf(plan: CanvasPlan, images: readonly RgbImage[], output: Size): Layout {
  const size = Math.max(output.width, output.height);
  switch (plan.kind) {
    case "letterbox":
      return { canvas: output, tiles: images.map((image) => centredTile(image, output)) };
    case "mosaic": {
      const canvas = { width: 2 * size, height: 2 * size };
      return { canvas, tiles: images.map((image, corner) => mosaicTile(image, corner, plan, canvas)) };
    }
    case "mosaic9": {
      const canvas = { width: 2 * size, height: 2 * size };
      return { canvas, tiles: ringTiles(images, size, plan, canvas) };
    }
  }
}

function centredTile(image: RgbImage, canvas: Size): Tile {
  const { padLeft, padTop } = letterboxGeometry(image.width, image.height, canvas.width, canvas.height);
  return placed(image, padLeft, padTop, canvas);
}

/** Corner 0 … 3: top left, top right, bottom left, bottom right of the mosaic's centre. */
export function mosaicTile(
  image: RgbImage,
  corner: number,
  { centreX, centreY }: Pick<MosaicPlan, "centreX" | "centreY">,
  canvas: Size,
): Tile {
  const originX = corner % 2 === 0 ? centreX - image.width : centreX;
  const originY = corner < 2 ? centreY - image.height : centreY;
  return placed(image, originX, originY, canvas);
}

/**
 * The first picture in the middle, the others around it: top, top right, right, bottom right, bottom, bottom left, left, top left. Each touches
 * the one before it and the middle's row or column, so that pictures of any shape leave gaps but never overlap.
 */
function ringTiles(images: readonly RgbImage[], size: number, { cropX, cropY }: NineMosaicPlan, canvas: Size): Tile[] {
  const middle = images[0]!;
  const [left, top] = [size, size];
  const [right, bottom] = [left + middle.width, top + middle.height];
  return images.map((image, place) => {
    const { width: w, height: h } = image;
    const before = images[Math.max(place - 1, 0)]!;
    const origins = [
      [left, top],
      [left, top - h],
      [left + before.width, top - h],
      [right, top],
      [right, top + before.height],
      [right - w, bottom],
      [right - before.width - w, bottom],
      [left - w, bottom - h],
      [left - w, bottom - before.height - h],
    ] as const;
    const [x, y] = origins[place]!;
    return placed(image, x - cropX, y - cropY, canvas);
  });
}

/** Cut at the canvas. */
function placed({ data, width, height }: RgbImage, originX: number, originY: number, canvas: Size): Tile {
  return {
    pixels: data,
    width,
    originX,
    originY,
    left: Math.max(originX, 0),
    top: Math.max(originY, 0),
    right: Math.min(originX + width, canvas.width),
    bottom: Math.min(originY + height, canvas.height),
  };
}
