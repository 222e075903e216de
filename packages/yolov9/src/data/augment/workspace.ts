/**
 * The memory in which images are made, and the compiled loops that work on it (kernels/augment.ts). A loop is given addresses: the
 * `byteOffset` of the arrays here. What is computed is written down beside the callers; nothing is decided here.
 */

import { KERNELS } from "./kernels.generated.js";

/** Parameters are explained in kernels/augment.ts. */
interface Kernels {
  interpolateRow(row: number, bytes: number, weights: number, count: number, into: number): void;
  blendRows(upper: number, lower: number, lowerWeight: number, out: number, count: number): void;
  sampleRun(
    pixels: number,
    stride: number,
    stepX: number,
    stepY: number,
    rowX: number,
    rowY: number,
    out: number,
    count: number,
  ): void;
  mix(first: number, second: number, weight: number, count: number): void;
  jitterRow(
    rgb: number,
    width: number,
    hueGain: number,
    saturationGain: number,
    valueGain: number,
    out: number,
    plane: number,
    mirrored: boolean,
  ): void;
}

/** What is used of the platform's WebAssembly, which Node's type declarations leave out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: object } },
  ) => { readonly exports: Kernels };
};

const compiled = new WebAssembly.Module(Buffer.from(KERNELS, "base64"));

const PAGE = 65_536;
/** Vector instructions reach so many bytes beyond the last value. */
const SLACK = 64;

/** Least width of an image: rows are worked on four pixels at a time. */
export const LEAST_WIDTH = 4;

export interface WorkspaceSize {
  /** Of the largest image. */
  readonly pixels: number;
  readonly width: number;
  /** Of the largest source picture. */
  readonly sourceBytes: number;
}

export class Workspace {
  readonly kernels: Kernels;
  /** Two interleaved RGB images: the one that is made, and one to blend in. */
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  /** Planes R, G, B. */
  readonly planes: Uint8Array;
  /** Rows of the picture that is being sampled. */
  readonly source: Uint8Array;
  /** By output column: source position relative to the row's, in 1/1024 pixel. */
  readonly stepX: Int32Array;
  readonly stepY: Int32Array;
  /** By output column: byte of the left neighbour within a source row, and the right neighbour's weight. */
  readonly columnBytes: Int32Array;
  readonly columnWeights: Uint8Array;
  /** Two source rows interpolated along the columns. */
  readonly rows: readonly [Uint16Array, Uint16Array];
  readonly #size: WorkspaceSize;

  constructor(size: WorkspaceSize) {
    const { pixels, width, sourceBytes } = size;
    this.#size = size;
    const lengths = [pixels * 3, pixels * 3, pixels * 3, sourceBytes, width * 4, width * 4, width * 4, width];
    lengths.push(width * 6, width * 6);
    const starts = [SLACK];
    for (const length of lengths) starts.push(Math.ceil((starts.at(-1)! + length + SLACK) / SLACK) * SLACK);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(starts.at(-1)! / PAGE) });
    this.kernels = new WebAssembly.Instance(compiled, { env: { memory } }).exports;
    const bytes = (part: number) => new Uint8Array(memory.buffer, starts[part], lengths[part]);
    const words = (part: number) => new Uint16Array(memory.buffer, starts[part], lengths[part]! / 2);
    const integers = (part: number) => new Int32Array(memory.buffer, starts[part], lengths[part]! / 4);
    [this.first, this.second, this.planes, this.source] = [bytes(0), bytes(1), bytes(2), bytes(3)];
    [this.stepX, this.stepY, this.columnBytes] = [integers(4), integers(5), integers(6)];
    this.columnWeights = bytes(7);
    this.rows = [words(8), words(9)];
  }

  holds({ pixels, width, sourceBytes }: WorkspaceSize): boolean {
    const own = this.#size;
    return pixels <= own.pixels && width <= own.width && sourceBytes <= own.sourceBytes;
  }
}
