/**
 * Finds pictures that are the same or nearly so. Candidates share a part of their difference hash (whether each pixel of a tiny grey
 * version is darker than its right neighbour: Krawetz's dHash); they count as nearly the same only if the small pictures agree too, since
 * pictures of one kind, such as cells under a microscope, have similar hashes without being copies.
 */

import { SKETCH_HEIGHT, SKETCH_WIDTH } from "./scan-image.js";

/** What of an image is compared. */
export interface Look {
  readonly digest: string;
  readonly sketch?: Uint8Array;
}

export interface DuplicateGroup {
  /** Index of the first image, and of those like it, in order. */
  readonly members: readonly number[];
  /** For each member after the first, whether its file is the same as an earlier member's byte by byte. */
  readonly exact: readonly boolean[];
}

const CELL = 4;
const HASH_WIDTH = SKETCH_WIDTH / CELL;
const HASH_HEIGHT = SKETCH_HEIGHT / CELL;
/** The 64 bits are looked up in parts of 16: hashes that differ in three bits or fewer share at least one part. */
const PARTS = 4;
const PART_BITS = 16;

/** Hashes may differ in so many of 64 bits. */
const MOST_HASH_BITS = 8;
/** Small pictures, brought to the same mean and spread, may differ by so many grey levels of 255 on average. */
const MOST_DIFFERENCE = 4;
/** Grey levels that a picture must vary by (standard deviation) to be told from others. */
export const BLANK_SPREAD = 1;

/** @returns groups of two and more, in the order of their first images */
export function findDuplicates(looks: readonly Look[]): DuplicateGroup[] {
  const leaders = new Map<number, { members: number[]; exact: boolean[] }>();
  const byDigest = new Map<string, number>();
  const buckets = Array.from({ length: PARTS }, () => new Map<number, number[]>());
  const prepared = looks.map(({ sketch }) => (sketch ? prepare(sketch) : undefined));
  looks.forEach(({ digest }, index) => {
    const same = byDigest.get(digest);
    if (same !== undefined) {
      const group = leaders.get(same)!;
      group.members.push(index);
      group.exact.push(true);
      return;
    }
    const look = prepared[index];
    const parts = look ? partsOf(look.hash) : [];
    const candidates = new Set(parts.flatMap((part, i) => buckets[i]!.get(part) ?? []));
    const like = look && [...candidates].find((other) => alike(look, prepared[other]!));
    const leader = like ?? index;
    byDigest.set(digest, leader);
    if (like !== undefined) {
      leaders.get(like)!.members.push(index);
      leaders.get(like)!.exact.push(false);
      return;
    }
    leaders.set(index, { members: [index], exact: [] });
    parts.forEach((part, i) => {
      const bucket = buckets[i]!.get(part);
      if (bucket) bucket.push(index);
      else buckets[i]!.set(part, [index]);
    });
  });
  return [...leaders.values()].filter(({ members }) => members.length > 1);
}

interface Prepared {
  /** 64 bits in two halves. */
  readonly hash: readonly [number, number];
  /** [SKETCH_HEIGHT * SKETCH_WIDTH] mean 0, spread 1. */
  readonly levels: Float32Array;
  readonly spread: number;
}

/** Hash and normalised levels, or undefined for a picture of one colour, which is like every other such picture. */
function prepare(sketch: Uint8Array): Prepared | undefined {
  const spread = spreadOf(sketch);
  if (spread < BLANK_SPREAD) return undefined;
  const mean = meanOf(sketch);
  return { hash: differenceHash(sketch), levels: Float32Array.from(sketch, (v) => (v - mean) / spread), spread };
}

function meanOf(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation of a sketch in grey levels. */
export function spreadOf(sketch: Uint8Array): number {
  const mean = meanOf(sketch);
  return Math.sqrt(sketch.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sketch.length);
}

function differenceHash(sketch: Uint8Array): [number, number] {
  const cells = new Float64Array(HASH_WIDTH * HASH_HEIGHT);
  sketch.forEach((value, i) => {
    const x = Math.floor((i % SKETCH_WIDTH) / CELL);
    const y = Math.floor(Math.floor(i / SKETCH_WIDTH) / CELL);
    cells[y * HASH_WIDTH + x]! += value;
  });
  const hash: [number, number] = [0, 0];
  for (let bit = 0; bit < 64; bit++) {
    const at = Math.floor(bit / 8) * HASH_WIDTH + (bit % 8);
    if (cells[at]! < cells[at + 1]!) hash[bit >> 5]! |= 1 << (bit & 31);
  }
  return hash;
}

function partsOf([low, high]: readonly [number, number]): number[] {
  return [low, low >>> PART_BITS, high, high >>> PART_BITS].map((part) => part & 0xffff);
}

function alike(a: Prepared, b: Prepared): boolean {
  if (bitCount(a.hash[0] ^ b.hash[0]) + bitCount(a.hash[1] ^ b.hash[1]) > MOST_HASH_BITS) return false;
  return difference(a, b) <= MOST_DIFFERENCE;
}

/** Mean difference of two small pictures in grey levels, after the fainter one was stretched to the other's range. */
function difference(a: Prepared, b: Prepared): number {
  const sum = a.levels.reduce((total, level, i) => total + Math.abs(level - b.levels[i]!), 0);
  return (sum / a.levels.length) * Math.max(a.spread, b.spread);
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}
