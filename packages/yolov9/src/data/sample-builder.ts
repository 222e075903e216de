/**
 * Collects the rows of one image into a `Sample`, refusing boxes that cannot be learned from. Used by every format, so that "zero-size"
 * and "outside the image" mean the same everywhere.
 */

import type { Attributes, Box, ProblemKind, RowPlace, RunLengths, Sample } from "./sample.js";

export interface BoxRow {
  /** x1 y1 x2 y2 in pixels. */
  readonly box: Box;
  readonly classIndex: number;
  readonly crowd?: boolean;
  /** Square pixels; default the box's own. */
  readonly area?: number;
  readonly rings?: readonly Float32Array[];
  /** [K*3] x y in pixels and visibility. */
  readonly keypoints?: Float32Array;
  readonly mask?: RunLengths;
  readonly attributes?: Attributes;
  readonly place?: RowPlace;
}

/** What is wrong with a row. */
export interface RowIssue {
  readonly kind: ProblemKind;
  readonly reason: string;
  readonly box?: Box;
}

export interface BuilderOptions {
  /**
   * Take boxes without area or outside the image too, and leave all as they are: for conversions, which are not to judge. Default false.
   */
  readonly faithful?: boolean;
  /** Cut boxes at the image's edge: for formats whose boxes may stick out by rounding or by habit. Default false. */
  readonly clip?: boolean;
}

/** Boxes that stick out by no more than this many pixels are worth no remark: labels count pixels from 0 or from 1. */
const STICKING_OUT = 1;

export interface ImageFacts {
  readonly id: number | string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

export class SampleBuilder {
  readonly #image: ImageFacts;
  readonly #options: BuilderOptions;
  readonly #rows: BoxRow[] = [];

  constructor(image: ImageFacts, options: BuilderOptions = {}) {
    this.#image = image;
    this.#options = options;
  }

  get path(): string {
    return this.#image.path;
  }

  /**
   * Add a row.
   * @returns `refused` says why the row was left out; `remark` what is odd about a row that was taken
   */
  add(row: BoxRow): { readonly refused?: RowIssue; readonly remark?: RowIssue } {
    const { faithful = false, clip = false } = this.#options;
    const { box } = row;
    if (!box.every(Number.isFinite)) {
      return { refused: { kind: "row-malformed", reason: `box ${box.join(" ")} has a value that is not a number` } };
    }
    const issue = this.#issueOf(box);
    if (faithful) {
      this.#rows.push(row);
      return issue ? { remark: issue } : {};
    }
    if (issue && issue.kind !== "box-sticks-out") return { refused: issue };
    this.#rows.push({ ...row, box: clip ? clipped(box, this.#image) : box });
    return issue ? { remark: issue } : {};
  }

  #issueOf(box: Box): RowIssue | undefined {
    const [x1, y1, x2, y2] = box;
    const { width, height } = this.#image;
    if (!(x2 > x1 && y2 > y1)) {
      const reason = `box of ${format(x2 - x1)} x ${format(y2 - y1)} px at ${format(x1)}, ${format(y1)} has no area`;
      return { kind: "box-no-area", reason, box };
    }
    const image = `the image of ${width} x ${height} px`;
    if (x1 >= width || y1 >= height || x2 <= 0 || y2 <= 0) {
      return { kind: "box-outside", reason: `box ${box.map(format).join(" ")} lies outside ${image}`, box };
    }
    if (Math.max(-x1, -y1, x2 - width, y2 - height) > STICKING_OUT) {
      return { kind: "box-sticks-out", reason: `box ${box.map(format).join(" ")} sticks out of ${image}`, box };
    }
    return undefined;
  }

  build(): Sample {
    const rows = this.#rows;
    return {
      ...this.#image,
      boxes: Float32Array.from(rows.flatMap((row) => [...row.box])),
      classes: Int32Array.from(rows, (row) => row.classIndex),
      crowd: Uint8Array.from(rows, (row) => Number(row.crowd ?? false)),
      areas: Float64Array.from(rows, ({ area, box: [x1, y1, x2, y2] }) => area ?? (x2 - x1) * (y2 - y1)),
      ...(rows.some((row) => row.rings?.length) && { polygons: rows.map((row) => row.rings ?? []) }),
      ...(rows.some((row) => row.keypoints) && { keypoints: joinKeypoints(rows) }),
      ...(rows.some((row) => row.mask) && { masks: rows.map((row) => row.mask) }),
      ...(rows.some((row) => row.attributes) && { attributes: rows.map((row) => row.attributes) }),
      ...(rows.some((row) => row.place) && { places: rows.map((row) => row.place ?? { file: this.#image.path }) }),
    };
  }
}

/** A box cut at the edges of its image. */
export function clipped([x1, y1, x2, y2]: Box, { width, height }: { width: number; height: number }): Box {
  const inside = (value: number, limit: number) => Math.min(Math.max(value, 0), limit);
  return [inside(x1, width), inside(y1, height), inside(x2, width), inside(y2, height)];
}

/** Points of all rows in one array; rows without points, and points that a row has fewer of, are unlabelled. */
function joinKeypoints(rows: readonly BoxRow[]): Float32Array {
  const stride = rows.reduce((most, row) => Math.max(most, row.keypoints?.length ?? 0), 0);
  const joined = new Float32Array(rows.length * stride);
  rows.forEach((row, index) => row.keypoints && joined.set(row.keypoints, index * stride));
  return joined;
}

function format(value: number): string {
  return String(Math.round(value * 100) / 100);
}
