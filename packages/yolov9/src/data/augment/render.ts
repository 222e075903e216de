/**
 * Carries a plan out: tiles are placed, seen through the view, pasted over, blended, changed by effects, jittered, flipped and written as
 * planes, and the annotations take the same way. Where a picture comes from is the caller's business.
 */

import type { RgbImage } from "@yolov9/vision";

import type { AnnotatedRows } from "../sample-table.js";
import { finishImage } from "./color.js";
import { rowsToPaste } from "./copy-paste.js";
import { affine, compose, edgeMap, invert, resizeMap, type Homography } from "./homography.js";
import { layoutOf, type Layout, type Size } from "./layout.js";
import { mapRing, moveRow, rowsOnCanvas, type Move, type MovedRow } from "./move-rows.js";
import type { CanvasPlan, SamplePlan } from "./plan.js";
import { ringSpans } from "./ring-spans.js";
import { viewMap } from "./view.js";
import { Warper } from "./warp.js";

/** A decoded picture, scaled so that its longer side is the image size, with what is annotated in pixels of the source image. */
export interface Picture extends AnnotatedRows {
  readonly image: RgbImage;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
}

/** The image that is made. */
export interface ImageShape {
  /** Size for which strengths and limits in pixels are meant. */
  readonly nominal: Size;
  /** Size in which it is rendered: the nominal one, or that of a multi-scale batch. */
  readonly output: Size;
}

/** Everything as fractions of the image. */
export interface RenderedRows {
  /** [n*5] class cx cy w h. */
  readonly rows: readonly number[];
  /** [n] outlines as rings of x y; an empty list for a row that is only a box. */
  readonly outlines: readonly (readonly Float32Array[])[];
  /** [n*K*3] x y visibility. */
  readonly keypoints: readonly number[];
}

/** Boxes end this far before the image's right and bottom edge, as in the published recipe. */
const EDGE = 1e-3;

/** Renders plans; keeps its scratch memory between calls, so that only one rendering may be underway. */
export class Renderer {
  readonly #keypointFlip: readonly number[] | undefined;
  readonly #warpers = new Map<string, Warper>();
  #first = new Uint8Array(0);
  #second = new Uint8Array(0);

  /** @param keypointFlip index of each keypoint in a mirror image; default: they keep their places */
  constructor(keypointFlip?: readonly number[]) {
    this.#keypointFlip = keypointFlip;
  }

  /**
   * @param pictures those of `plannedPictures(plan)`, in its order
   * @param out receives the image as planes R, G, B of width * height bytes
   */
  async render(
    plan: SamplePlan,
    pictures: readonly Picture[],
    shape: ImageShape,
    out: Uint8Array,
  ): Promise<RenderedRows> {
    const { width, height } = shape.output;
    const bytes = width * height * 3;
    if (this.#first.length < bytes) this.#first = new Uint8Array(bytes);
    const first = this.#first.subarray(0, bytes);
    const own = plan.canvas.indices.length;
    const moved = this.#drawCanvas(plan.canvas, pictures.slice(0, own), shape, plan.flip, first);
    if (plan.blend) {
      if (this.#second.length < bytes) this.#second = new Uint8Array(bytes);
      const second = this.#second.subarray(0, bytes);
      moved.push(...this.#drawCanvas(plan.blend.canvas, pictures.slice(own), shape, plan.flip, second));
      blend(first, second, plan.blend.share);
    }
    for (const effect of plan.effects) await effect.apply({ data: first, width, height });
    finishImage(first, shape.output, plan.hsv, plan.flip, out);
    return asFractions(moved, shape.nominal);
  }

  /** Draws one canvas as seen through its view. @returns its annotations in nominal pixels of the finished, flipped image */
  #drawCanvas(
    plan: CanvasPlan,
    pictures: readonly Picture[],
    shape: ImageShape,
    flip: SamplePlan["flip"],
    out: Uint8Array,
  ): MovedRow[] {
    const { nominal, output } = shape;
    const images = pictures.map(({ image }) => image);
    const layout = layoutOf(plan, images, nominal);
    const view = viewMap(plan.view, layout.canvas, nominal);
    const toCanvas = invert(compose(resizeMap(nominal.width, nominal.height, output.width, output.height), view));
    const warper = this.#warperOf(output);
    warper.warp(layout.tiles, toCanvas, out);
    const rows = pictures.flatMap((picture, i) => rowsOnCanvas(picture, placementOf(picture, layout, i)));
    const pasted = plan.kind === "letterbox" ? [] : rowsToPaste(rows, plan.copyPaste, layout.canvas.width);
    for (const row of pasted) this.#paste(row, layout, toCanvas, output, out);
    const toImage = compose(flipMap(flip, nominal), edgeMap(view));
    const mirrored = compose(toImage, mirror(layout.canvas.width));
    const move = (map: Homography, mirrors: boolean): Move => ({
      map,
      scale: plan.view.scale,
      ...nominal,
      ...(mirrors && this.#keypointFlip && { keypointOrder: this.#keypointFlip }),
    });
    const turned = flip.leftRight !== flip.upDown;
    return [
      ...rows.map((row) => moveRow(row, move(toImage, turned))),
      ...pasted.map((row) => moveRow(row, move(mirrored, !turned))),
    ].filter((row) => row !== undefined);
  }

  /** Draws the pixels inside a row's mirrored outline, taken from the mirrored canvas. */
  #paste({ outline }: MovedRow, { canvas, tiles }: Layout, toCanvas: Homography, output: Size, out: Uint8Array): void {
    const toOutput = compose(edgeMap(invert(toCanvas)), mirror(canvas.width));
    const rings = outline.map((ring) => mapRing(ring, toOutput));
    // Pixel centres: the mirror image of column 0 is column width - 1.
    const mirroredCanvas = compose(affine(-1, 0, canvas.width - 1, 0, 1, 0), toCanvas);
    this.#warperOf(output).warpSpans(tiles, mirroredCanvas, ringSpans(rings, output.width, output.height), out);
  }

  #warperOf({ width, height }: Size): Warper {
    const key = `${width}x${height}`;
    const warper = this.#warpers.get(key) ?? new Warper(width, height);
    this.#warpers.set(key, warper);
    return warper;
  }
}

/** The mirror image of a canvas, for edges. */
function mirror(width: number): Homography {
  return affine(-1, 0, width, 0, 1, 0);
}

/** For edges. */
function flipMap({ leftRight, upDown }: SamplePlan["flip"], { width, height }: Size): Homography {
  return affine(leftRight ? -1 : 1, 0, leftRight ? width : 0, 0, upDown ? -1 : 1, upDown ? height : 0);
}

function placementOf({ image, sourceWidth, sourceHeight }: Picture, { tiles }: Layout, index: number) {
  const tile = tiles[index]!;
  const { originX, originY } = tile;
  return {
    scaleX: image.width / sourceWidth,
    scaleY: image.height / sourceHeight,
    originX,
    originY,
    visible: tile,
  };
}

function asFractions(moved: readonly MovedRow[], { width, height }: Size): RenderedRows {
  const rows = moved.flatMap(({ classIndex, box }) => {
    const right = Math.min(box.right, width - EDGE);
    const bottom = Math.min(box.bottom, height - EDGE);
    const centreX = (box.left + right) / 2 / width;
    const centreY = (box.top + bottom) / 2 / height;
    return [classIndex, centreX, centreY, (right - box.left) / width, (bottom - box.top) / height];
  });
  const outlines = moved.map(({ outline }) =>
    outline.map((ring) => Float32Array.from(ring, (value, i) => value / (i % 2 === 0 ? width : height))),
  );
  const keypoints = moved.flatMap((row) =>
    row.keypoints.map((value, i) => (i % 3 === 0 ? value / width : i % 3 === 1 ? value / height : value)),
  );
  return { rows, outlines, keypoints };
}

const BLEND_BITS = 16;

/** Mixup in place: `first` becomes share * first + (1 - share) * second, fractions dropped. */
function blend(first: Uint8Array, second: Uint8Array, share: number): void {
  const weight = Math.round(share * (1 << BLEND_BITS));
  const rest = (1 << BLEND_BITS) - weight;
  for (let i = 0; i < first.length; i++) first[i] = (first[i]! * weight + second[i]! * rest) >>> BLEND_BITS;
}
