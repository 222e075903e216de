/**
 * Changes that make hostile inputs of good ones: bytes for any file, and words for texts, where numbers become extreme and one word of the
 * format stands for another. The same random numbers make the same input.
 */
import type { Random } from "../data/augment/random.js";

/** At most so many changes of one input; most bugs show with few. */
const MOST_CHANGES = 4;
const LARGEST_INPUT = 2 ** 20;
const LONGEST_PART = 64;
const MOST_COPIES = 2000;

/** @param seeds good inputs, all of one format */
export function mutated(seeds: readonly Buffer[], isText: boolean, random: Random): Buffer {
  let bytes = pick(seeds, random);
  const changes = 1 + random.integer(MOST_CHANGES);
  for (let i = 0; i < changes; i++) {
    const kinds = isText && random.chance(TEXT_SHARE) ? textChanges : byteChanges;
    bytes = pick(kinds, random)(bytes, random, seeds).subarray(0, LARGEST_INPUT);
  }
  return bytes;
}

const TEXT_SHARE = 0.7;

type Change = (bytes: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.integer(items.length)]!;
}

interface Part {
  readonly start: number;
  readonly end: number;
}

function somePart(bytes: Buffer, random: Random, longest = LONGEST_PART): Part {
  const start = random.integer(bytes.length + 1);
  return { start, end: Math.min(bytes.length, start + 1 + random.integer(longest)) };
}

function replaced(bytes: Buffer, { start, end }: Part, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}

const INTERESTING_BYTES = [0, 1, 0x0a, 0x1b, 0x20, 0x22, 0x2d, 0x5b, 0x7b, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
const INTERESTING_INTEGERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const byteChanges: readonly Change[] = [
  // one bit, one byte
  (bytes, random) => changedByte(bytes, random, (byte) => byte ^ (1 << random.integer(8))),
  (bytes, random) => changedByte(bytes, random, () => pick(INTERESTING_BYTES, random)),
  (bytes, random) => changedByte(bytes, random, () => random.integer(256)),
  // an integer of some width
  (bytes, random) => {
    const value = Buffer.alloc(8);
    value.writeUInt32LE(pick(INTERESTING_INTEGERS, random));
    if (random.chance(0.5)) value.writeUInt32LE(pick(INTERESTING_INTEGERS, random), 4);
    const width = pick([2, 4, 8], random);
    const start = random.integer(bytes.length + 1);
    return replaced(bytes, { start, end: Math.min(bytes.length, start + width) }, value.subarray(0, width));
  },
  // truncated, a part cut out, a part doubled or repeated very often
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  (bytes, random) => replaced(bytes, somePart(bytes, random), Buffer.alloc(0)),
  (bytes, random) => repeatedPart(bytes, random, 2),
  (bytes, random) => repeatedPart(bytes, random, 2 + random.integer(MOST_COPIES)),
  // a part moved, a part of another seed
  (bytes, random) => {
    const { start, end } = somePart(bytes, random);
    const at = random.integer(bytes.length + 1);
    return replaced(bytes, { start: at, end: at }, bytes.subarray(start, end));
  },
  (bytes, random, seeds) => {
    const other = pick(seeds, random);
    return Buffer.concat([
      bytes.subarray(0, random.integer(bytes.length + 1)),
      other.subarray(random.integer(other.length + 1)),
    ]);
  },
];

function changedByte(bytes: Buffer, random: Random, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  const at = random.integer(copy.length);
  copy[at] = change(copy[at]!);
  return copy;
}

function repeatedPart(bytes: Buffer, random: Random, times: number): Buffer {
  const part = somePart(bytes, random);
  const copies = Math.min(times, Math.ceil(LARGEST_INPUT / (part.end - part.start + 1)));
  const copied = Array.from({ length: copies }, () => bytes.subarray(part.start, part.end));
  return replaced(bytes, part, Buffer.concat(copied));
}

/** Numbers, words, and single characters of punctuation. */
const TOKEN = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[\p{L}_][\p{L}\p{N}_]*|[^\s\p{L}\p{N}]/giu;

const EXTREMES = [
  ...["0", "-0", "-1", "0.5", "1e308", "-1e308", "1e999", "NaN", "Infinity", "2147483647", "4294967296", "1000000000"],
  ...[
    "9007199254740993",
    "99999999999999999999999",
    "0x10",
    "",
    "null",
    "true",
    "[]",
    "{}",
    '""',
    "~",
    "1".repeat(400),
  ],
];
const NASTY_WORDS = [
  ...[
    "__proto__",
    "constructor",
    "toString",
    "length",
    "../../../etc/passwd",
    "/dev/zero",
    "\u001b[2J",
    "\u0000",
    "\u202e",
  ],
  ...[
    "&a",
    "*a",
    "<<",
    "!!binary",
    "&lt;",
    "<!DOCTYPE x>",
    "\ud83d\ude00",
    "%s",
    "${x}",
    "a".repeat(5000),
    "[".repeat(500),
  ],
];

const textChanges: readonly Change[] = [
  // a number becomes an extreme one, a word a nasty one
  (bytes, random) => changedToken(bytes, random, /^-?\d/, () => pick(EXTREMES, random)),
  (bytes, random) => changedToken(bytes, random, /^[\p{L}_]/u, () => pick(NASTY_WORDS, random)),
  // one token stands for another of the same text
  (bytes, random) => changedToken(bytes, random, /./, (tokens) => pick(tokens, random)),
  (bytes, random) => changedToken(bytes, random, /./, () => pick([...EXTREMES, ...NASTY_WORDS], random)),
  // a line gone, doubled, moved
  (bytes, random) => changedLines(bytes, random, (lines, at) => lines.splice(at, 1)),
  (bytes, random) => changedLines(bytes, random, (lines, at) => lines.splice(at, 0, lines[at]!)),
  (bytes, random) =>
    changedLines(bytes, random, (lines, at) => lines.splice(random.integer(lines.length), 0, lines[at]!)),
];

function changedToken(
  bytes: Buffer,
  random: Random,
  wanted: RegExp,
  change: (tokens: readonly string[]) => string,
): Buffer {
  const text = bytes.toString("utf8");
  const tokens = [...text.matchAll(TOKEN)];
  const fitting = tokens.filter(([token]) => wanted.test(token));
  if (fitting.length === 0) return bytes;
  const token = pick(fitting, random);
  const by = change(tokens.map(([other]) => other));
  return Buffer.from(text.slice(0, token.index) + by + text.slice(token.index + token[0].length));
}

function changedLines(bytes: Buffer, random: Random, change: (lines: string[], at: number) => void): Buffer {
  const lines = bytes.toString("utf8").split("\n");
  change(lines, random.integer(lines.length));
  return Buffer.from(lines.join("\n"));
}
