// The safetensors format (8 bytes header length, JSON header, raw little-endian data): named tensors and string
// metadata, nothing executable. Reading maps the file; tensors are views of the mapping until something writes to them.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { crc32 } from "node:zlib";
import {
  checksumOfRange,
  fillChecksums,
  refuseDamaged,
  startOfHeader,
  statedChecksums,
  withoutChecksums,
} from "./checksums.js";
import { bytesPerElement, type DType } from "./dtype.js";
import { from_file } from "./operators.generated.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";
import { writeWhole } from "./whole-file.js";

const dtypeNames: Readonly<Record<DType, string>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const dtypesByName = new Map(Object.entries(dtypeNames).map(([dtype, name]) => [name, dtype as DType]));

/** Larger headers are refused: no model has them, and a hostile file could exhaust memory with one. */
const maximumHeaderBytes = 32_000_000;
/** A checkpoint of the largest published model with average and optimiser has some 6000. */
const maximumTensors = 20_000;
const maximumRank = 16;
const longestName = 500;

export interface SafetensorsFile {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
  /** Whether the file has checksums, which header and tensors fit then. */
  checked: boolean;
}

interface Entry {
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads the tensors of a file. They are copy-on-write views of the mapped file and live until disposed of.
 * @param select tensors to read, by name; all when left out
 * @throws Error naming the file and what is wrong with it, DamagedFileError when bytes have changed since it was written
 */
export function loadSafetensors(path: string, select: (name: string) => boolean = () => true): SafetensorsFile {
  const header = readHeader(path);
  const { metadata, dataStart, fileBytes } = header;
  const entries = header.entries.filter(([name]) => select(name));
  const checked = verifyTensors(path, header, select);
  const tensors = scope(() => {
    if (fileBytes === dataStart) return new Map<string, Tensor>();
    const file = from_file(path, false, fileBytes, { dtype: "uint8" });
    return new Map(
      entries.map(([name, entry]) => {
        const bytes = file.slice(0, dataStart + entry.begin, dataStart + entry.end);
        // No two tensors share bytes, so that all copies together take no more than the file.
        const aligned = (dataStart + entry.begin) % bytesPerElement[entry.dtype] === 0 ? bytes : bytes.clone();
        return [name, aligned.view(entry.dtype).view(entry.shape)];
      }),
    );
  });
  return { tensors, metadata, checked };
}

/** Compares tensors with their checksums. @returns false where the file has none */
function verifyTensors(
  path: string,
  { entries, checksums, dataStart }: ReturnType<typeof readHeader>,
  select: (name: string) => boolean,
): boolean {
  if (checksums === undefined) return false;
  const file = openSync(path, "r");
  try {
    const fits = (name: string, { begin, end }: Entry) =>
      checksumOfRange(file, dataStart + begin, dataStart + end) === checksums.get(name);
    const damaged = entries.filter(([name, entry]) => select(name) && !fits(name, entry));
    refuseDamaged(
      path,
      damaged.map(([name]) => name),
    );
    return true;
  } finally {
    closeSync(file);
  }
}

/** Checksums are stated in the order of the tensors' bytes. */
function byName(entries: readonly [string, Entry][], checksums: readonly number[]): Map<string, number | undefined> {
  const inOrder = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  return new Map(inOrder.map(([name], index) => [name, checksums[index]]));
}

/** Names, shapes and metadata of a file, without its data. */
export function readSafetensorsHeader(path: string): {
  shapes: Map<string, number[]>;
  metadata: Record<string, string>;
  checked: boolean;
} {
  const { entries, metadata, checksums } = readHeader(path);
  const shapes = new Map(entries.map(([name, entry]) => [name, entry.shape]));
  return { shapes, metadata, checked: checksums !== undefined };
}

/**
 * Writes tensors in the given order, with checksums. The file appears whole or not at all (`writeWhole`).
 * @throws WriteError when the system refuses
 */
export function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const list = [...tensors];
  const header = new Map<string, unknown>([["__metadata__", undefined]]);
  let offset = 0;
  for (const [name, tensor] of list) {
    if (header.has(name)) throw new Error(`cannot write '${path}': two tensors are named '${name}'`);
    const bytes = tensor.numel * bytesPerElement[tensor.dtype];
    header.set(name, {
      dtype: dtypeNames[tensor.dtype],
      shape: tensor.shape,
      data_offsets: [offset, offset + bytes],
    });
    offset += bytes;
  }
  header.delete("__metadata__");
  // Not as one object, which would put names that are numbers first.
  const entries = [...header].map(([name, entry]) => `,${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  let text = `${startOfHeader(metadata, list.length)}${entries.join("")}}`;
  text += " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8); // data starts aligned for every dtype
  const head = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  writeWhole(path, (write) => {
    write(length);
    write(head);
    const checksums = list.map(([, tensor]) => {
      const bytes = tensor.toBytes();
      write(bytes);
      return crc32(bytes);
    });
    fillChecksums(head, checksums);
    write(head, length.length);
  });
}

function readHeader(path: string) {
  const fail = (reason: string): never => {
    throw new Error(`${path}: not a safetensors file: ${reason}`);
  };
  const found = statSync(path);
  if (!found.isFile()) fail("it is no plain file");
  const fileBytes = found.size;
  if (fileBytes < 8) fail("it is shorter than 8 bytes");
  const file = openSync(path, "r");
  try {
    const prefix = Buffer.alloc(8);
    readSync(file, prefix, 0, 8, 0);
    const headerBytes = Number(prefix.readBigUInt64LE());
    if (headerBytes > maximumHeaderBytes || headerBytes > fileBytes - 8)
      fail(`its header would take ${headerBytes} bytes`);
    const head = Buffer.alloc(headerBytes);
    readSync(file, head, 0, headerBytes, 8);
    const dataStart = 8 + headerBytes;
    const { entries, metadata } = parseHeader(head.toString("utf8"), fileBytes - dataStart, fail);
    const checksums = statedChecksums(head, path);
    return {
      entries,
      metadata: withoutChecksums(metadata),
      checksums: checksums && byName(entries, checksums),
      dataStart,
      fileBytes,
    };
  } finally {
    closeSync(file);
  }
}

function parseHeader(text: string, dataBytes: number, fail: (reason: string) => never) {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    return fail("its header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header))
    return fail("its header is not a JSON object");
  const { __metadata__: metadata = {}, ...tensors } = header as Record<string, unknown>;
  if (!isTexts(metadata)) return fail("its __metadata__ is not a map of texts");
  const described = Object.entries(tensors);
  if (described.length > maximumTensors) fail(`it has ${described.length} tensors; at most ${maximumTensors} are read`);
  const entries = described.map(([name, value]): [string, Entry] => [name, parseEntry(name, value, dataBytes, fail)]);
  refuseOverlap(entries, fail);
  return { entries, metadata };
}

function isTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((item) => typeof item === "string");
}

/** Tensors that share bytes could claim more of them together than the file has. */
function refuseOverlap(entries: readonly [string, Entry][], fail: (reason: string) => never): void {
  let last = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin < last) fail(`tensor '${name}' shares bytes with another one`);
    last = end;
  }
}

function parseEntry(name: string, value: unknown, dataBytes: number, fail: (reason: string) => never): Entry {
  if (name.length > longestName) return fail(`the name of a tensor has ${name.length} characters`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const dtype = typeof dtypeName === "string" ? dtypesByName.get(dtypeName) : undefined;
  if (dtype === undefined) return fail(`tensor '${name}' has the unknown dtype ${shown(dtypeName)}`);
  const isSize = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= 0;
  if (!Array.isArray(shape) || shape.length > maximumRank || !shape.every(isSize))
    return fail(`tensor '${name}' has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail(`tensor '${name}' has no valid offsets`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, bytesPerElement[dtype]);
  if (end - begin !== bytes || end > dataBytes) return fail(`tensor '${name}' does not fit the file (truncated?)`);
  return { dtype, shape, begin, end };
}

function shown(value: unknown): string {
  return typeof value === "string" ? `'${value.slice(0, 40)}'` : `of type ${typeof value}`;
}
