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
import { LEAST_WIDTH, Workspace } from "./workspace.js";

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

/** Mixup's weights are fractions of this. */
const MIX_ONE = 65_536;

/** Boxes end this far before the image's right and bottom edge, as in the published recipe. */
const EDGE = 1e-3;

/** Renders plans; keeps its scratch memory between calls, so that only one rendering may be underway. */
export class Renderer {
  readonly #keypointFlip: readonly number[] | undefined;
  #workspace: Workspace | undefined;

  /** @param keypointFlip index of each keypoint in a mirror image; default: they keep their places */
  constructor(keypointFlip?: readonly number[]) {
    this.#keypointFlip = keypointFlip;
  }

  /**
   * @param pictures those of `plannedPictures(plan)`, in its order
   * @param out receives the image as planes R, G, B of width * height bytes
   * @throws RangeError when the image's width is not a multiple of 4
   */
  async render(
    plan: SamplePlan,
    pictures: readonly Picture[],
    shape: ImageShape,
    out: Uint8Array,
  ): Promise<RenderedRows> {
    const { width, height } = shape.output;
    const workspace = this.#workspaceFor(shape);
    const { kernels, first, second } = workspace;
    const bytes = width * height * 3;
    const own = plan.canvas.indices.length;
    const moved = this.#drawCanvas(plan.canvas, pictures.slice(0, own), shape, plan.flip, workspace.first);
    if (plan.blend) {
      moved.push(...this.#drawCanvas(plan.blend.canvas, pictures.slice(own), shape, plan.flip, second));
      kernels.mix(first.byteOffset, second.byteOffset, Math.round(plan.blend.share * MIX_ONE), bytes);
    }
    for (const effect of plan.effects) await effect.apply({ data: first.subarray(0, bytes), width, height });
    finishImage(workspace, shape.output, plan.hsv, plan.flip, out);
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
    const warper = new Warper(this.#workspaceFor(shape), output, out);
    warper.warp(layout.tiles, toCanvas);
    const rows = pictures.flatMap((picture, i) => rowsOnCanvas(picture, placementOf(picture, layout, i)));
    const pasted = plan.kind === "letterbox" ? [] : rowsToPaste(rows, plan.copyPaste, layout.canvas.width);
    for (const row of pasted) paste(row, layout, toCanvas, output, warper);
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

  #workspaceFor({ nominal, output }: ImageShape): Workspace {
    const { width, height } = output;
    if (width % LEAST_WIDTH !== 0)
      throw new RangeError(`image of ${width} x ${height} px: its width must be a multiple of 4`);
    const side = Math.max(nominal.width, nominal.height);
    const size = { width, pixels: width * height, sourceBytes: side * side * 3 };
    if (!this.#workspace?.holds(size)) this.#workspace = new Workspace(size);
    return this.#workspace;
  }
}

/** Draws the pixels inside a row's mirrored outline, taken from the mirrored canvas. */
function paste(
  { outline }: MovedRow,
  { canvas, tiles }: Layout,
  toCanvas: Homography,
  { width, height }: Size,
  warper: Warper,
): void {
  const toOutput = compose(edgeMap(invert(toCanvas)), mirror(canvas.width));
  const rings = outline.map((ring) => mapRing(ring, toOutput));
  // Pixel centres: the mirror image of column 0 is column width - 1.
  const mirroredCanvas = compose(affine(-1, 0, canvas.width - 1, 0, 1, 0), toCanvas);
  warper.warpSpans(tiles, mirroredCanvas, ringSpans(rings, width, height));
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
