/**
 * Checksums (CRC-32) inside safetensors files: of the header and of every tensor, as the first text of the header's metadata, where other
 * programs read past them. Files without are read unchecked; a byte that has changed since a file was written is told with its tensor.
 */
import { readSync } from "node:fs";
import { crc32 } from "node:zlib";

/** A file whose bytes are not those that were written. The message names the file and the damaged tensors. */
export class DamagedFileError extends Error {
  override readonly name = "DamagedFileError";
}

const KEY = "checksums";
/** How a header with checksums begins: the header's own follows, then one a tensor in their order, with spaces between. */
const PREFIX = `{"__metadata__":{"${KEY}":"`;
const DIGITS = 8;
const NONE = "0".repeat(DIGITS);

/** A header's text up to its tensors, with room for their checksums. */
export function startOfHeader(metadata: Readonly<Record<string, string>>, tensorCount: number): string {
  const room = Array.from({ length: tensorCount + 1 }, () => NONE).join(" ");
  const others = Object.entries(withoutChecksums(metadata)).map(
    ([key, text]) => `,${JSON.stringify(key)}:${JSON.stringify(text)}`,
  );
  return `${PREFIX}${room}"${others.join("")}}`;
}

export function withoutChecksums(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== KEY));
}

/** Fills in the room that `startOfHeader` made. */
export function fillChecksums(header: Buffer, tensors: readonly number[]): void {
  header.write([NONE, ...tensors.map(hex)].join(" "), PREFIX.length, "latin1");
  header.write(hex(crc32(header)), PREFIX.length, "latin1");
}

/**
 * The checksums of the tensors that a header states; undefined where it states none.
 * @throws DamagedFileError when the header's own does not fit it
 */
export function statedChecksums(header: Buffer, path: string): readonly number[] | undefined {
  if (header.toString("latin1", 0, PREFIX.length) !== PREFIX) return undefined;
  const end = header.indexOf('"', PREFIX.length);
  const [own, ...tensors] = header
    .toString("latin1", PREFIX.length, end)
    .split(" ")
    .map((digits) => (/^[0-9a-f]{8}$/.test(digits) ? Number.parseInt(digits, 16) : undefined));
  const blank = Buffer.from(header);
  blank.write(NONE, PREFIX.length, "latin1");
  if (own !== crc32(blank)) throw new DamagedFileError(`${path}: its header is damaged; use another copy of the file`);
  return tensors.map((checksum) => checksum ?? 0);
}

const CHUNK_BYTES = 4 * 2 ** 20;

/** Of bytes `begin` … `end` - 1 of an open file. */
export function checksumOfRange(file: number, begin: number, end: number): number {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - begin));
  let checksum = 0;
  for (let at = begin; at < end;) {
    const count = readSync(file, chunk, 0, Math.min(chunk.length, end - at), at);
    if (count === 0) break;
    checksum = crc32(chunk.subarray(0, count), checksum);
    at += count;
  }
  return checksum;
}

const SHOWN_TENSORS = 3;

/** @throws DamagedFileError naming the first of the tensors, when there are any */
export function refuseDamaged(path: string, tensors: readonly string[]): void {
  if (tensors.length === 0) return;
  const more = tensors.length > SHOWN_TENSORS ? ` and ${tensors.length - SHOWN_TENSORS} more` : "";
  const [what, verb] = tensors.length === 1 ? ["tensor", "is"] : ["tensors", "are"];
  const names = tensors.slice(0, SHOWN_TENSORS).join(", ");
  throw new DamagedFileError(
    `${path}: ${what} ${names}${more} ${verb} damaged (the bytes do not fit their checksum); use another copy of the file`,
  );
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(DIGITS, "0");
}
