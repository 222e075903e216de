/**
 * Masks as run lengths, the way COCO stores them: pixels column by column, runs of 0 and 1 in turn, the first one of 0. Areas, boxes, unions
 * and overlaps are computed on the runs, equal to COCO's own mask code to the last pixel. Outlines become runs in polygon-rle.ts; the
 * compressed text form is in rle-string.ts.
 */

/** A mask of `height` x `width` pixels. */
export interface Rle {
  readonly height: number;
  readonly width: number;
  /** Lengths of runs of 0, 1, 0 … down the columns; they sum to height * width. The first may be 0. */
  readonly counts: Uint32Array;
}

/**
 * Runs of a mask given by counts from a file.
 * @throws RangeError when a size or count is no whole number ≥ 0, or the counts do not add up to the size
 */
export function rleFromCounts(counts: ArrayLike<number>, height: number, width: number): Rle {
  refuseSize(height, width);
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (!(Number.isInteger(count) && count >= 0)) throw new RangeError(`run length ${count} is no whole number ≥ 0`);
    total += count;
  }
  if (total !== height * width) {
    throw new RangeError(
      `run lengths sum to ${total}, but a mask of ${height} x ${width} has ${height * width} pixels`,
    );
  }
  return { height, width, counts: Uint32Array.from(counts) };
}

/** Run lengths have 32 bits. */
const MOST_PIXELS = 2 ** 32 - 1;

/** @throws RangeError for a size that no mask can have */
export function refuseSize(height: number, width: number): void {
  if (!(Number.isInteger(height) && Number.isInteger(width) && height >= 0 && width >= 0)) {
    throw new RangeError(`mask of ${height} x ${width}: height and width must be whole numbers`);
  }
  if (height * width > MOST_PIXELS) {
    throw new RangeError(`mask of ${height} x ${width} has ${height * width} pixels; at most ${MOST_PIXELS} are read`);
  }
}

/** Runs of a mask of bytes. @param mask [height * width] row-major; anything but 0 is inside */
export function rleFromMask(mask: ArrayLike<number>, height: number, width: number): Rle {
  if (mask.length !== height * width) {
    throw new RangeError(`mask of ${height} x ${width} needs ${height * width} bytes, not ${mask.length}`);
  }
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if ((mask[y * width + x] !== 0) !== inside) {
        counts.push(run);
        run = 0;
        inside = !inside;
      }
      run++;
    }
  }
  counts.push(run);
  return { height, width, counts: Uint32Array.from(counts) };
}

/** @returns [height * width] row-major, 1 inside */
export function maskFromRle({ height, width, counts }: Rle): Uint8Array {
  const mask = new Uint8Array(height * width);
  let position = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = position + counts[i]!;
    if (i % 2 === 0) position = end;
    for (; position < end; position++) mask[(position % height) * width + Math.floor(position / height)] = 1;
  }
  return mask;
}

/** Pixels inside. */
export function rleArea({ counts }: Rle): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!;
  return area;
}

/** The box around a mask: x y w h in whole pixels, all 0 where there is nothing. */
export function rleBox({ height, width, counts }: Rle): [x: number, y: number, width: number, height: number] {
  const paired = counts.length - (counts.length % 2);
  if (paired === 0) return [0, 0, 0, 0];
  let [left, top, right, bottom] = [width, height, 0, 0];
  let end = 0;
  let firstColumn = 0;
  for (let i = 0; i < paired; i++) {
    end += counts[i]!;
    const position = end - (i % 2);
    const y = position % height;
    const x = (position - y) / height;
    if (i % 2 === 0) firstColumn = x;
    else if (firstColumn < x) {
      // A run that goes on in the next column touches the lower and the upper edge.
      top = 0;
      bottom = height - 1;
    }
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/**
 * Union (default) or intersection of masks.
 * @throws RangeError when there is none, or their sizes differ
 */
export function mergeRles(masks: readonly Rle[], how: "union" | "intersection" = "union"): Rle {
  if (masks.length === 0) throw new RangeError("there is no mask to merge");
  let merged = masks;
  // Two by two, so that no mask is walked through once for every other one.
  while (merged.length > 1) {
    const pairs = merged;
    merged = Array.from({ length: Math.ceil(pairs.length / 2) }, (_, i) => {
      const [a, b] = [pairs[2 * i]!, pairs[2 * i + 1]];
      return b === undefined ? a : mergeTwo(a, b, how === "intersection");
    });
  }
  return merged[0]!;
}

function mergeTwo(a: Rle, b: Rle, intersect: boolean): Rle {
  if (a.height !== b.height || a.width !== b.width) {
    throw new RangeError(
      `masks of ${a.height} x ${a.width} and ${b.height} x ${b.width} pixels cannot be merged: sizes differ`,
    );
  }
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  walkTogether(a.counts, b.counts, (length, inA, inB) => {
    const now = intersect ? inA && inB : inA || inB;
    if (now !== inside) {
      counts.push(run);
      run = 0;
      inside = now;
    }
    run += length;
  });
  counts.push(run);
  return { height: a.height, width: a.width, counts: Uint32Array.from(counts) };
}

/** Calls `visit` for every stretch in which neither mask changes. */
function walkTogether(
  a: Uint32Array,
  b: Uint32Array,
  visit: (length: number, inA: boolean, inB: boolean) => void,
): void {
  let [i, j] = [0, 0];
  let leftA = a[0] ?? 0;
  let leftB = b[0] ?? 0;
  while (i < a.length && j < b.length) {
    const length = Math.min(leftA, leftB);
    if (length > 0) visit(length, i % 2 === 1, j % 2 === 1);
    leftA -= length;
    leftB -= length;
    if (leftA === 0) leftA = a[++i] ?? 0;
    if (leftB === 0) leftB = b[++j] ?? 0;
  }
}

/**
 * Overlap of two masks: intersection over union or, where `b` is a crowd, the share of `a` that lies on it.
 * @returns 0 … 1, or -1 where the boxes overlap but the masks' sizes differ, so that they match nothing
 */
export function rleIou(a: Rle, b: Rle, crowd = false): number {
  return boxesOverlap(rleBox(a), rleBox(b)) ? overlappingRleIou(a, b, crowd) : 0;
}

/** `rleIou` of masks whose boxes are known to overlap. */
export function overlappingRleIou(a: Rle, b: Rle, crowd: boolean): number {
  if (a.height !== b.height || a.width !== b.width) return -1;
  const countsA = a.counts;
  const countsB = b.counts;
  let [i, j, both, either] = [0, 0, 0, 0];
  let leftA = countsA[0] ?? 0;
  let leftB = countsB[0] ?? 0;
  while (i < countsA.length && j < countsB.length) {
    const length = leftA < leftB ? leftA : leftB;
    if (((i | j) & 1) === 1) either += length;
    if ((i & j & 1) === 1) both += length;
    leftA -= length;
    leftB -= length;
    if (leftA === 0) leftA = countsA[++i] ?? 0;
    if (leftB === 0) leftB = countsB[++j] ?? 0;
  }
  if (both === 0) return 0;
  return both / (crowd ? rleArea(a) : either);
}

type Box = readonly [x: number, y: number, width: number, height: number];

/** Whether boxes x y w h share any area. */
export function boxesOverlap([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): boolean {
  return Math.min(ax + aw, bx + bw) > Math.max(ax, bx) && Math.min(ay + ah, by + bh) > Math.max(ay, by);
}
