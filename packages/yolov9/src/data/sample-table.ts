/**
 * Samples packed into shared arrays: what the loader's threads need of them, without a copy a thread. Crowd regions are left out, since they
 * are no training targets.
 */

import type { Sample } from "./sample.js";

/** Plain data that a thread can be given. Rows of sample i are boxStart[i] … boxStart[i + 1]. */
export interface SampleTable {
  readonly paths: readonly string[];
  /** [n] in pixels. */
  readonly widths: Int32Array;
  readonly heights: Int32Array;
  /** [n + 1]. */
  readonly boxStart: Int32Array;
  /** [rows * 4] x1 y1 x2 y2 in pixels. */
  readonly boxes: Float32Array;
  /** [rows]. */
  readonly classes: Int32Array;
  /** [rows + 1] rings of row r are ringStart[r] … ringStart[r + 1]; all zero without polygons. */
  readonly ringStart: Int32Array;
  /** [rings + 1] values of ring r are pointStart[r] … pointStart[r + 1]. */
  readonly pointStart: Int32Array;
  /** x y x y … in pixels. */
  readonly points: Float32Array;
  /** K, or 0 where no sample has keypoints. */
  readonly keypointCount: number;
  /** [rows * K * 3] x y in pixels and visibility; 0 0 0 in rows of samples without keypoints. */
  readonly keypoints: Float32Array;
}

/** Numbers a keypoint: x y visibility. */
const KEYPOINT = 3;

/** @throws RangeError when samples have different numbers of keypoints a row */
export function packSamples(samples: readonly Sample[]): SampleTable {
  const boxStart = [0];
  const boxes: number[] = [];
  const classes: number[] = [];
  const ringStart = [0];
  const rings: Float32Array[] = [];
  const keypointCount = countKeypoints(samples);
  const keypoints: Float32Array[] = [];
  for (const sample of samples) {
    for (let row = 0; row < sample.classes.length; row++) {
      if (sample.crowd[row] !== 0) continue;
      boxes.push(...sample.boxes.subarray(row * 4, row * 4 + 4));
      classes.push(sample.classes[row]!);
      for (const ring of sample.polygons?.[row] ?? []) rings.push(ring);
      ringStart.push(rings.length);
      keypoints.push(keypointsOfRow(sample, row, keypointCount));
    }
    boxStart.push(classes.length);
  }
  return {
    paths: samples.map(({ path }) => path),
    widths: sharedInt32(samples.map(({ width }) => width)),
    heights: sharedInt32(samples.map(({ height }) => height)),
    boxStart: sharedInt32(boxStart),
    boxes: sharedFloat32([boxes]),
    classes: sharedInt32(classes),
    ringStart: sharedInt32(ringStart),
    pointStart: sharedInt32(runningTotals(rings.map(({ length }) => length))),
    points: sharedFloat32(rings),
    keypointCount,
    keypoints: sharedFloat32(keypoints),
  };
}

function countKeypoints(samples: readonly Sample[]): number {
  let count = 0;
  for (const { keypoints, classes, path } of samples) {
    if (!keypoints || classes.length === 0) continue;
    const own = keypoints.length / classes.length / KEYPOINT;
    if (count !== 0 && own !== count)
      throw new RangeError(`${path}: ${own} keypoints an object, but others have ${count}`);
    count = own;
  }
  return count;
}

function keypointsOfRow({ keypoints }: Sample, row: number, count: number): Float32Array {
  const values = count * KEYPOINT;
  return keypoints?.subarray(row * values, (row + 1) * values) ?? new Float32Array(values);
}

/** What is annotated in one picture, as views into the table. */
export interface AnnotatedRows {
  /** [n*4] x1 y1 x2 y2 in pixels. */
  readonly boxes: Float32Array;
  /** [n]. */
  readonly classes: Int32Array;
  /** [n] outlines as rings of x y in pixels; an empty list for a row that is only a box. */
  readonly polygons: readonly (readonly Float32Array[])[];
  /** [n*K*3] x y in pixels and visibility; empty where the data has no keypoints. */
  readonly keypoints: Float32Array;
}

export function rowsOf(table: SampleTable, index: number): AnnotatedRows {
  const from = table.boxStart[index]!;
  const to = table.boxStart[index + 1]!;
  const keypointValues = table.keypointCount * KEYPOINT;
  return {
    boxes: table.boxes.subarray(from * 4, to * 4),
    classes: table.classes.subarray(from, to),
    polygons: Array.from({ length: to - from }, (_, row) => ringsOf(table, from + row)),
    keypoints: table.keypoints.subarray(from * keypointValues, to * keypointValues),
  };
}

function ringsOf({ ringStart, pointStart, points }: SampleTable, row: number): Float32Array[] {
  const first = ringStart[row]!;
  return Array.from({ length: ringStart[row + 1]! - first }, (_, ring) =>
    points.subarray(pointStart[first + ring], pointStart[first + ring + 1]),
  );
}

function runningTotals(lengths: readonly number[]): number[] {
  let total = 0;
  return [0, ...lengths.map((length) => (total += length))];
}

function sharedInt32(values: readonly number[]): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(values.length * Int32Array.BYTES_PER_ELEMENT));
  shared.set(values);
  return shared;
}

function sharedFloat32(parts: readonly ArrayLike<number>[]): Float32Array {
  const starts = runningTotals(parts.map(({ length }) => length));
  const shared = new Float32Array(new SharedArrayBuffer(starts.at(-1)! * Float32Array.BYTES_PER_ELEMENT));
  for (const [i, part] of parts.entries()) shared.set(part, starts[i]);
  return shared;
}
