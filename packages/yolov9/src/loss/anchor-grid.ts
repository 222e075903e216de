/**
 * The anchors of all levels in the order in which predictions are flattened: level by level, row by row. One anchor stands at the centre
 * of each cell. Coordinates are input pixels unless a name says cells.
 */

/** One level's cells: `width` x `height` cells of `stride` pixels; the first has index `offset` among all anchors. */
export interface AnchorLevel {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly offset: number;
}

export class AnchorGrid {
  readonly levels: readonly AnchorLevel[];
  /** Number of anchors A of all levels. */
  readonly count: number;
  /** [A] centre of each anchor in pixels, and the stride of its level. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly stride: Float32Array;

  /** @param sizes height and width of each level in cells, in the order of `strides` */
  constructor(sizes: readonly { readonly height: number; readonly width: number }[], strides: readonly number[]) {
    if (sizes.length !== strides.length) {
      throw new Error(
        `an anchor grid needs one stride a level, got ${sizes.length} levels and ${strides.length} strides`,
      );
    }
    let offset = 0;
    this.levels = sizes.map(({ height, width }, i) => {
      const level = { width, height, stride: strides[i]!, offset };
      offset += width * height;
      return level;
    });
    this.count = offset;
    this.x = new Float32Array(offset);
    this.y = new Float32Array(offset);
    this.stride = new Float32Array(offset);
    for (const level of this.levels) this.#fill(level);
  }

  /** Calls `visit` with the index of every anchor whose centre lies inside x1 y1 x2 y2 (pixels), in ascending order. */
  forEachInside(x1: number, y1: number, x2: number, y2: number, visit: (anchor: number) => void): void {
    for (const { width, height, stride, offset } of this.levels) {
      const firstColumn = firstCell(x1, stride);
      const lastColumn = Math.min(width - 1, lastCell(x2, stride));
      const firstRow = firstCell(y1, stride);
      const lastRow = Math.min(height - 1, lastCell(y2, stride));
      for (let row = firstRow; row <= lastRow; row++) {
        const start = offset + row * width;
        for (let column = firstColumn; column <= lastColumn; column++) visit(start + column);
      }
    }
  }

  /**
   * Boxes from distances to the four sides.
   * @param distances [A, 4] left top right bottom in cells of the anchor's level
   * @param boxes [A, 4] receives x1 y1 x2 y2 in pixels
   */
  decode(distances: Float32Array, boxes: Float32Array): void {
    for (let a = 0, i = 0; a < this.count; a++, i += 4) {
      const stride = this.stride[a]!;
      const x = this.x[a]!;
      const y = this.y[a]!;
      boxes[i] = x - distances[i]! * stride;
      boxes[i + 1] = y - distances[i + 1]! * stride;
      boxes[i + 2] = x + distances[i + 2]! * stride;
      boxes[i + 3] = y + distances[i + 3]! * stride;
    }
  }

  #fill({ width, height, stride, offset }: AnchorLevel): void {
    for (let row = 0, a = offset; row < height; row++) {
      for (let column = 0; column < width; column++, a++) {
        this.x[a] = (column + 0.5) * stride;
        this.y[a] = (row + 0.5) * stride;
        this.stride[a] = stride;
      }
    }
  }
}

/** A centre counts as inside when it is farther than this from every side, in pixels. */
export const INSIDE_MARGIN = 1e-9;

/** The first cell along one axis whose centre lies after `low`. */
function firstCell(low: number, stride: number): number {
  const cell = Math.max(0, Math.ceil(low / stride - 0.5));
  return (cell + 0.5) * stride - low > INSIDE_MARGIN ? cell : cell + 1;
}

/** The last cell along one axis whose centre lies before `high`; -1 when there is none. */
function lastCell(high: number, stride: number): number {
  const cell = Math.floor(high / stride - 0.5);
  return high - (cell + 0.5) * stride > INSIDE_MARGIN ? cell : cell - 1;
}
