/**
 * The zip archive that PyTorch writes since version 1.6: one folder with the pickle (`data.pkl`) and the storages (`data/0`, `data/1` …),
 * all stored without compression. It is read in place by its central directory; nothing is unpacked, and no name in it becomes a path.
 */
import { createReadStream, statSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { TorchFileError } from "./pickle-values.js";
import { messageOf } from "../../error-message.js";

/** A checkpoint of the largest published model with average and optimiser has some 6000. */
const MOST_ENTRIES = 20_000;
/** Pickles of published files have 0.4 to 1.5 MB. */
const LARGEST_PICKLE_BYTES = 64_000_000;
const STORED = 0;

/** First bytes: of a zip file; of the format before PyTorch 1.6 (a pickle of protocol 2 with a magic number). */
const ZIP = Buffer.from("PK");
const LEGACY = Buffer.from([0x80, 0x02, 0x8a, 0x0a]);

/** Bytes of the file. */
interface ByteRange {
  readonly start: number;
  readonly length: number;
}

export interface TorchArchive {
  readonly path: string;
  readonly fileBytes: number;
  readonly pickle: Buffer;
  /** Where storages lie, by their keys. */
  readonly storages: ReadonlyMap<string, ByteRange>;
}

/**
 * @throws TorchFileError for a file that is no such archive, is damaged, or has compressed, repeated or overlapping entries
 */
export async function openTorchArchive(path: string): Promise<TorchArchive> {
  const fileBytes = statSync(path).size;
  refuseOtherFormats(await readRange(path, { start: 0, length: LEGACY.length }));
  const entries = await readEntries(path, fileBytes);
  const folder = modelFolder([...entries.keys()]);
  const at = (name: string): ByteRange | undefined => entries.get(`${folder}/${name}`);
  await refuseBigEndian(path, at("byteorder"));
  const storages = new Map<string, ByteRange>();
  const prefix = `${folder}/data/`;
  for (const [name, range] of entries) if (name.startsWith(prefix)) storages.set(name.slice(prefix.length), range);
  const pickle = at("data.pkl")!;
  if (pickle.length > LARGEST_PICKLE_BYTES) {
    throw new TorchFileError(`its pickle has ${pickle.length} bytes; at most ${LARGEST_PICKLE_BYTES} are read`);
  }
  return { path, fileBytes, pickle: await readRange(path, pickle), storages };
}

function refuseOtherFormats(start: Buffer): void {
  if (start.subarray(0, ZIP.length).equals(ZIP)) return;
  if (start.equals(LEGACY)) {
    throw new TorchFileError(
      "it is in the format of PyTorch before version 1.6, which is not read; load and save it with a newer PyTorch",
    );
  }
  throw new TorchFileError("it is no PyTorch file (a zip archive with a data.pkl in it)");
}

async function readEntries(path: string, fileBytes: number): Promise<Map<string, ByteRange>> {
  const zip = await openZip(path);
  try {
    if (zip.entryCount > MOST_ENTRIES) throw new TorchFileError(`it has ${zip.entryCount} entries, far too many`);
    const ranges = new Map<string, ByteRange>();
    for await (const entry of zip.eachEntry()) {
      if (ranges.has(entry.fileName)) throw new TorchFileError(`it has two entries named "${entry.fileName}"`);
      ranges.set(entry.fileName, await rangeOf(zip, entry, fileBytes));
    }
    refuseOverlap(ranges);
    return ranges;
  } catch (error) {
    throw error instanceof TorchFileError ? error : damaged(error);
  } finally {
    zip.close();
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    return await openPromise(path, { autoClose: false });
  } catch (error) {
    throw damaged(error);
  }
}

async function rangeOf(zip: ZipFile, entry: Entry, fileBytes: number): Promise<ByteRange> {
  const { fileName, compressionMethod, uncompressedSize, compressedSize } = entry;
  if (compressionMethod !== STORED || compressedSize !== uncompressedSize || entry.isEncrypted()) {
    throw new TorchFileError(
      `its entry "${fileName}" is compressed or encrypted, which PyTorch never does; not unpacked`,
    );
  }
  const { fileDataStart: start } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  if (start + uncompressedSize > fileBytes)
    throw new TorchFileError(`its entry "${fileName}" goes beyond the file's end`);
  return { start, length: uncompressedSize };
}

/** Entries that share bytes could claim more of them together than the file has. */
function refuseOverlap(ranges: ReadonlyMap<string, ByteRange>): void {
  let end = 0;
  for (const [name, { start, length }] of [...ranges].sort(([, a], [, b]) => a.start - b.start)) {
    if (start < end) throw new TorchFileError(`its entry "${name}" lies inside another one`);
    end = start + length;
  }
}

function damaged(error: unknown): TorchFileError {
  const reason = messageOf(error);
  return new TorchFileError(`the zip archive is damaged or cut off: ${reason}`, { cause: error });
}

/** The one folder that everything lies in; it is named after the file that was saved. */
function modelFolder(names: readonly string[]): string {
  const suffix = "/data.pkl";
  const folders = names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
  const [folder] = folders;
  if (folder === undefined || folders.length > 1) {
    throw new TorchFileError(`a PyTorch file has one data.pkl in a folder, this one has ${folders.length}`);
  }
  if (names.some((name) => name.startsWith(`${folder}/code/`))) {
    throw new TorchFileError("it is a TorchScript program, not weights; take the checkpoint that it was made from");
  }
  return folder;
}

async function refuseBigEndian(path: string, range: ByteRange | undefined): Promise<void> {
  if (range === undefined) return;
  const order = (await readRange(path, { start: range.start, length: Math.min(range.length, 16) })).toString("latin1");
  if (order !== "little") throw new TorchFileError(`its byte order is "${order}"; only "little" is read`);
}

async function readRange(path: string, { start, length }: ByteRange): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  return buffer(createReadStream(path, { start, end: start + length - 1 }));
}
