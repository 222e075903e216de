/**
 * Collects the rows of one image into a `Sample`, refusing boxes that cannot be learned from. Used by every format, so that "zero-size"
 * and "outside the image" mean the same everywhere.
 */

import type { Sample } from "./sample.js";

export interface BoxRow {
  /** x1 y1 x2 y2 in pixels. */
  readonly box: readonly [number, number, number, number];
  readonly classIndex: number;
  readonly crowd?: boolean;
  /** Square pixels; default the box's own. */
  readonly area?: number;
  readonly rings?: readonly Float32Array[];
}

export class SampleBuilder {
  readonly #image: { id: number | string; path: string; width: number; height: number };
  readonly #rows: Required<BoxRow>[] = [];

  constructor(image: { id: number | string; path: string; width: number; height: number }) {
    this.#image = image;
  }

  /** Clip a box to the image. For formats whose boxes may stick out by rounding or by habit. */
  clip([x1, y1, x2, y2]: BoxRow["box"]): BoxRow["box"] {
    const { width, height } = this.#image;
    const inside = (value: number, limit: number) => Math.min(Math.max(value, 0), limit);
    return [inside(x1, width), inside(y1, height), inside(x2, width), inside(y2, height)];
  }

  /** Add a row. @returns why the row was refused, or undefined when it was taken */
  add({ box, classIndex, crowd = false, area, rings = [] }: BoxRow): string | undefined {
    const [x1, y1, x2, y2] = box;
    if (!box.every(Number.isFinite)) return `box ${box.join(" ")} has a value that is not a number`;
    const { width, height } = this.#image;
    if (!(x2 > x1 && y2 > y1)) {
      return `box of ${format(x2 - x1)} x ${format(y2 - y1)} px at ${format(x1)}, ${format(y1)} has no area`;
    }
    if (x1 >= width || y1 >= height || x2 <= 0 || y2 <= 0) {
      return `box ${box.map(format).join(" ")} lies outside the image of ${width} x ${height} px`;
    }
    this.#rows.push({ box, classIndex, crowd, area: area ?? (x2 - x1) * (y2 - y1), rings });
    return undefined;
  }

  build(): Sample {
    const rows = this.#rows;
    const sample: Sample = {
      ...this.#image,
      boxes: Float32Array.from(rows.flatMap((row) => [...row.box])),
      classes: Int32Array.from(rows, (row) => row.classIndex),
      crowd: Uint8Array.from(rows, (row) => Number(row.crowd)),
      areas: Float64Array.from(rows, (row) => row.area),
    };
    return rows.some((row) => row.rings.length > 0) ? { ...sample, polygons: rows.map((row) => row.rings) } : sample;
  }
}

function format(value: number): string {
  return String(Math.round(value * 100) / 100);
}
