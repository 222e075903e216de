/**
 * Outlines as masks, pixel for pixel as COCO's mask code draws them: the outline is walked on a grid five times as fine, and where it crosses
 * from column to column the mask switches. Whoever fills polygons by another rule gets other pixels along the edges. COCO's code walks every
 * point; here each edge is asked where it crosses the picture's columns, so that edges beyond the picture cost nothing.
 */

import { mergeRles, refuseSize, type Rle } from "./rle.js";

/** Points of the outline's grid to a pixel. */
const FINENESS = 5;
/** A column is crossed between these points of its pixel. */
const BEFORE_MIDDLE = 2;
const AFTER_MIDDLE = 3;
/** Crossings of all outlines of one object. Nobody draws so many; a hostile file would have them fill the memory. */
const MOST_CROSSINGS = 2_000_000;

/**
 * @param polygon x y of each corner in pixels; the last is joined to the first
 * @throws RangeError when the coordinates are odd in number or not finite, or cross the picture's columns millions of times
 */
export function rleFromPolygon(polygon: ArrayLike<number>, height: number, width: number): Rle {
  return rleFromPolygons([polygon], height, width);
}

/** Union of several outlines of one object. @throws RangeError when there is none, and as `rleFromPolygon` */
export function rleFromPolygons(polygons: readonly ArrayLike<number>[], height: number, width: number): Rle {
  refuseSize(height, width);
  let crossed = 0;
  const masks = polygons.map((polygon): Rle => {
    if (polygon.length % 2 !== 0) throw new RangeError(`a polygon has ${polygon.length} coordinates, an odd number`);
    const crossings: number[] = [];
    for (let i = 0; i < polygon.length; i += 2) {
      addCrossings(crossings, edgeFrom(polygon, i, height, width), height, width);
      if (crossed + crossings.length > MOST_CROSSINGS) {
        throw new RangeError(`its polygons cross the columns of the picture more than ${MOST_CROSSINGS} times`);
      }
    }
    crossed += crossings.length;
    crossings.push(height * width);
    return { height, width, counts: Uint32Array.from(runsBetween(Float64Array.from(crossings).sort())) };
  });
  return mergeRles(masks);
}

/** A box x y w h as a mask. */
export function rleFromBox(box: ArrayLike<number>, height: number, width: number): Rle {
  const [x1, y1, x2, y2] = [box[0]!, box[1]!, box[0]! + box[2]!, box[1]! + box[3]!];
  return rleFromPolygon([x1, y1, x1, y2, x2, y2, x2, y1], height, width);
}

/**
 * Corners may lie outside of the picture, but an edge of astronomical length would never be walked to its end: coordinates are held within a
 * few pictures around it, where nothing can be seen.
 */
function onGrid(coordinate: number, size: number): number {
  if (!Number.isFinite(coordinate)) throw new RangeError(`polygon coordinate ${coordinate} is not a finite number`);
  const farthest = 100 * (size + 100);
  return Math.trunc(FINENESS * Math.min(Math.max(coordinate, -farthest), farthest) + 0.5);
}

/** An edge on the fine grid, beginning at the smaller end of its longer axis, from which COCO's code computes all points. */
interface Edge {
  readonly alongX: boolean;
  readonly startX: number;
  readonly startY: number;
  /** Points go one by one along the longer axis. */
  readonly steps: number;
  /** Of the shorter axis. An edge of no length has none, and crosses nothing. */
  readonly slope: number;
}

/** @param first index of the corner's x */
function edgeFrom(polygon: ArrayLike<number>, first: number, height: number, width: number): Edge {
  const second = (first + 2) % polygon.length;
  const fromX = onGrid(polygon[first]!, width);
  const fromY = onGrid(polygon[first + 1]!, height);
  const toX = onGrid(polygon[second]!, width);
  const toY = onGrid(polygon[second + 1]!, height);
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(toY - fromY);
  const alongX = dx >= dy;
  const flipped = alongX ? fromX > toX : fromY > toY;
  const [startX, startY, endX, endY] = flipped ? [toX, toY, fromX, fromY] : [fromX, fromY, toX, toY];
  return {
    alongX,
    startX,
    startY,
    steps: alongX ? dx : dy,
    slope: alongX ? (endY - startY) / dx : (endX - startX) / dy,
  };
}

/** Rounding is COCO's: cut towards 0. */
function xAt({ alongX, startX, slope }: Edge, step: number): number {
  return alongX ? startX + step : Math.trunc(startX + slope * step + 0.5);
}

function yAt({ alongX, startY, slope }: Edge, step: number): number {
  return alongX ? Math.trunc(startY + slope * step + 0.5) : startY + step;
}

/** Positions, counted down the columns, at which the edge passes the middle of a pixel column. */
function addCrossings(crossings: number[], edge: Edge, height: number, width: number): void {
  if (edge.steps === 0) return;
  const [start, end] = [xAt(edge, 0), xAt(edge, edge.steps)];
  const first = Math.max(0, Math.ceil((Math.min(start, end) - BEFORE_MIDDLE) / FINENESS));
  const last = Math.min(width - 1, Math.floor((Math.max(start, end) - AFTER_MIDDLE) / FINENESS));
  for (let column = first; column <= last; column++) {
    const step = stepBehind(edge, column * FINENESS, start < end);
    const y = (Math.min(yAt(edge, step - 1), yAt(edge, step)) + 0.5) / FINENESS - 0.5;
    crossings.push(column * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
}

/** The first step behind the middle of the column that begins at x; in a steep edge it is searched for, since x changes monotonically. */
function stepBehind(edge: Edge, x: number, increasing: boolean): number {
  if (edge.alongX) return x + AFTER_MIDDLE - edge.startX;
  let [before, behind] = [0, edge.steps];
  while (behind - before > 1) {
    const middle = Math.floor((before + behind) / 2);
    const at = xAt(edge, middle);
    if (increasing ? at >= x + AFTER_MIDDLE : at <= x + BEFORE_MIDDLE) behind = middle;
    else before = middle;
  }
  return behind;
}

/** Differences of sorted positions, where two equal ones cancel. */
function runsBetween(ends: Float64Array): number[] {
  const runs: number[] = [ends[0]!];
  for (let j = 1; j < ends.length; j++) {
    const run = ends[j]! - ends[j - 1]!;
    if (run > 0) runs.push(run);
    else if (++j < ends.length) runs[runs.length - 1] = runs.at(-1)! + ends[j]! - ends[j - 1]!;
  }
  return runs;
}
