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
}

export function packSamples(samples: readonly Sample[]): SampleTable {
  const boxStart = sharedInt32(samples.length + 1);
  for (const [i, { crowd }] of samples.entries()) {
    boxStart[i + 1] = boxStart[i]! + crowd.reduce((count, flag) => count + (flag === 0 ? 1 : 0), 0);
  }
  const rows = boxStart[samples.length]!;
  const boxes = new Float32Array(new SharedArrayBuffer(rows * 4 * Float32Array.BYTES_PER_ELEMENT));
  const classes = sharedInt32(rows);
  let row = 0;
  for (const sample of samples) {
    for (let i = 0; i < sample.classes.length; i++) {
      if (sample.crowd[i] !== 0) continue;
      boxes.set(sample.boxes.subarray(i * 4, i * 4 + 4), row * 4);
      classes[row++] = sample.classes[i]!;
    }
  }
  const widths = sharedInt32(samples.length);
  widths.set(samples.map(({ width }) => width));
  const heights = sharedInt32(samples.length);
  heights.set(samples.map(({ height }) => height));
  return { paths: samples.map(({ path }) => path), widths, heights, boxStart, boxes, classes };
}

/** @returns boxes [n*4] and classes [n] of one sample, as views */
export function rowsOf(table: SampleTable, index: number): { boxes: Float32Array; classes: Int32Array } {
  const from = table.boxStart[index]!;
  const to = table.boxStart[index + 1]!;
  return { boxes: table.boxes.subarray(from * 4, to * 4), classes: table.classes.subarray(from, to) };
}

function sharedInt32(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}
