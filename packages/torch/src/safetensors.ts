// The safetensors format (8 bytes header length, JSON header, raw little-endian data): named tensors and string
// metadata, nothing executable. Reading maps the file; tensors are views of the mapping until something writes to them.
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { bytesPerElement, type DType } from "./dtype.js";
import { from_file } from "./operators.generated.js";
import { scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

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
const maximumHeaderBytes = 100_000_000;

export interface SafetensorsFile {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

interface Entry {
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads all tensors of a file. They are copy-on-write views of the mapped file and live until disposed of.
 * @throws Error naming the file and what is wrong with it
 */
export function loadSafetensors(path: string): SafetensorsFile {
  const { entries, metadata, dataStart, fileBytes } = readHeader(path);
  const tensors = scope(() => {
    if (fileBytes === dataStart) return new Map<string, Tensor>();
    const file = from_file(path, false, fileBytes, { dtype: "uint8" });
    return new Map(
      entries.map(([name, entry]) => {
        const bytes = file.slice(0, dataStart + entry.begin, dataStart + entry.end);
        const aligned = (dataStart + entry.begin) % bytesPerElement[entry.dtype] === 0 ? bytes : bytes.clone();
        return [name, aligned.view(entry.dtype).view(entry.shape)];
      }),
    );
  });
  return { tensors, metadata };
}

/** Names, shapes and metadata of a file, without its data. */
export function readSafetensorsHeader(path: string): {
  shapes: Map<string, number[]>;
  metadata: Record<string, string>;
} {
  const { entries, metadata } = readHeader(path);
  return { shapes: new Map(entries.map(([name, entry]) => [name, entry.shape])), metadata };
}

/**
 * Writes tensors in the given order. The file appears whole or not at all: it is written under a temporary name,
 * flushed to disk and renamed.
 */
export function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const list = [...tensors];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, tensor] of list) {
    if (name in header) throw new Error(`cannot write '${path}': two tensors are named '${name}'`);
    const bytes = tensor.numel * bytesPerElement[tensor.dtype];
    header[name] = { dtype: dtypeNames[tensor.dtype], shape: tensor.shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8); // data starts aligned for every dtype
  const head = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  writeWhole(path, (write) => {
    write(length);
    write(head);
    for (const [, tensor] of list) write(tensor.toBytes());
  });
}

function writeWhole(path: string, body: (write: (bytes: Uint8Array) => void) => void): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w");
  try {
    body((bytes) => {
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    });
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readHeader(path: string) {
  const fileBytes = statSync(path).size;
  const fail = (reason: string): never => {
    throw new Error(`${path}: not a safetensors file: ${reason}`);
  };
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
    return { ...parseHeader(head.toString("utf8"), fileBytes - dataStart, fail), dataStart, fileBytes };
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
  const metadata: Record<string, string> = {};
  const entries: [string, Entry][] = [];
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (name === "__metadata__") {
      for (const [key, item] of Object.entries(value as Record<string, unknown>)) metadata[key] = String(item);
    } else entries.push([name, parseEntry(name, value, dataBytes, fail)]);
  }
  return { entries, metadata };
}

function parseEntry(name: string, value: unknown, dataBytes: number, fail: (reason: string) => never): Entry {
  const { dtype: dtypeName, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const dtype = dtypesByName.get(String(dtypeName));
  if (dtype === undefined) return fail(`tensor '${name}' has the unknown dtype '${String(dtypeName)}'`);
  const isSize = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`tensor '${name}' has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail(`tensor '${name}' has no valid offsets`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, bytesPerElement[dtype]);
  if (end - begin !== bytes || end > dataBytes) return fail(`tensor '${name}' does not fit the file (truncated?)`);
  return { dtype, shape, begin, end };
}
