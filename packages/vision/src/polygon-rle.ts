/**
 * Outlines as masks, pixel for pixel as COCO's mask code draws them: the outline is walked on a grid five times as fine, and where it crosses
 * from column to column the mask switches. Whoever fills polygons by another rule gets other pixels along the edges.
 */

import { mergeRles, type Rle } from "./rle.js";

/** Points of the outline's grid to a pixel. */
const FINENESS = 5;

/**
 * @param polygon x y of each corner in pixels; the last is joined to the first
 * @throws RangeError when the coordinates are odd in number or not finite
 */
export function rleFromPolygon(polygon: ArrayLike<number>, height: number, width: number): Rle {
  if (polygon.length % 2 !== 0) throw new RangeError(`a polygon has ${polygon.length} coordinates, an odd number`);
  const crossings = columnCrossings(outline(polygon, height, width), height, width);
  crossings.push(height * width);
  const ends = Float64Array.from(crossings).sort();
  return { height, width, counts: Uint32Array.from(runsBetween(ends)) };
}

/** Union of several outlines of one object. @throws RangeError when there is none */
export function rleFromPolygons(polygons: readonly ArrayLike<number>[], height: number, width: number): Rle {
  return mergeRles(polygons.map((polygon) => rleFromPolygon(polygon, height, width)));
}

/** A box x y w h as a mask. */
export function rleFromBox(box: ArrayLike<number>, height: number, width: number): Rle {
  const [x1, y1, x2, y2] = [box[0]!, box[1]!, box[0]! + box[2]!, box[1]! + box[3]!];
  return rleFromPolygon([x1, y1, x1, y2, x2, y2, x2, y1], height, width);
}

/** Points u, v on the fine grid, one after the other along the outline. */
interface Outline {
  readonly u: number[];
  readonly v: number[];
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

function outline(polygon: ArrayLike<number>, height: number, width: number): Outline {
  const corners = polygon.length / 2;
  const points: Outline = { u: [], v: [] };
  for (let i = 0; i < corners; i++) {
    const next = (i + 1) % corners;
    addEdge(
      points,
      onGrid(polygon[2 * i]!, width),
      onGrid(polygon[2 * i + 1]!, height),
      onGrid(polygon[2 * next]!, width),
      onGrid(polygon[2 * next + 1]!, height),
    );
  }
  return points;
}

/** Both ends included; each step goes one point along the longer axis. Rounding is COCO's: computed from the smaller end, cut towards 0. */
function addEdge({ u, v }: Outline, fromX: number, fromY: number, toX: number, toY: number): void {
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(toY - fromY);
  const alongX = dx >= dy;
  const flipped = alongX ? fromX > toX : fromY > toY;
  const [startX, startY, endX, endY] = flipped ? [toX, toY, fromX, fromY] : [fromX, fromY, toX, toY];
  const steps = alongX ? dx : dy;
  const slope = alongX ? (endY - startY) / dx : (endX - startX) / dy;
  for (let step = 0; step <= steps; step++) {
    const t = flipped ? steps - step : step;
    if (alongX) {
      u.push(startX + t);
      // A point alone has no slope; the column does not change there, so its row is never asked for.
      v.push(dx === 0 ? startY : Math.trunc(startY + slope * t + 0.5));
    } else {
      v.push(startY + t);
      u.push(Math.trunc(startX + slope * t + 0.5));
    }
  }
}

/** Positions, counted down the columns, at which the outline passes the middle of a pixel column. */
function columnCrossings({ u, v }: Outline, height: number, width: number): number[] {
  const crossings: number[] = [];
  for (let j = 1; j < u.length; j++) {
    if (u[j] === u[j - 1]) continue;
    const left = u[j]! < u[j - 1]! ? u[j]! : u[j]! - 1;
    const column = (left + 0.5) / FINENESS - 0.5;
    if (Math.floor(column) !== column || column < 0 || column > width - 1) continue;
    const y = (Math.min(v[j]!, v[j - 1]!) + 0.5) / FINENESS - 0.5;
    crossings.push(column * height + Math.ceil(Math.min(Math.max(y, 0), height)));
  }
  return crossings;
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
