/**
 * COCO's compressed text form of run lengths: each count as groups of five bits in printable characters, from the fourth count on as the
 * difference to the count before the previous one.
 */

import { rleFromCounts, type Rle } from "./rle.js";

/** Characters "0" … "o" stand for 0 … 63: five bits of a number, and whether more follow. */
const FIRST_CHARACTER = 48;
const BITS = 5;
const MORE = 1 << BITS;
const SIGN = 1 << (BITS - 1);
/** A count has at most 32 bits, so that no number needs more groups. */
const MOST_GROUPS = 7;

/**
 * @param text as in `segmentation.counts` of COCO's result files
 * @throws RangeError when the text is not of this form or its runs do not fill the mask
 */
export function rleFromString(text: string, height: number, width: number): Rle {
  const counts: number[] = [];
  for (let at = 0; at < text.length;) {
    let value = 0;
    let group = 0;
    for (let more = true; more; group++) {
      const code = text.charCodeAt(at++) - FIRST_CHARACTER;
      // NaN past the end fails this comparison too.
      if (!(code >= 0 && code < 2 * MORE) || group >= MOST_GROUPS) {
        throw new RangeError(`compressed run lengths are damaged at character ${at}`);
      }
      value += (code & (MORE - 1)) * 2 ** (BITS * group);
      more = (code & MORE) !== 0;
      if (!more && (code & SIGN) !== 0) value -= 2 ** (BITS * (group + 1));
    }
    if (counts.length > 2) value += counts[counts.length - 2]!;
    counts.push(value);
  }
  return rleFromCounts(counts, height, width);
}

/** The inverse of `rleFromString`. */
export function rleToString({ counts }: Rle): string {
  let text = "";
  for (let i = 0; i < counts.length; i++) {
    let value = i > 2 ? counts[i]! - counts[i - 2]! : counts[i]!;
    for (let more = true; more;) {
      const bits = ((value % MORE) + MORE) % MORE;
      value = Math.floor(value / MORE);
      more = (bits & SIGN) !== 0 ? value !== -1 : value !== 0;
      text += String.fromCharCode(FIRST_CHARACTER + bits + (more ? MORE : 0));
    }
  }
  return text;
}
