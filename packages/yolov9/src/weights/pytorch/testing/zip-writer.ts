/** Writes zip archives for tests, right ones and wrong ones: nothing is checked, sizes can be made up, names can repeat. */
import { crc32 } from "node:zlib";

export interface ZipEntry {
  readonly name: string;
  /** As it lies in the archive. */
  readonly data: Uint8Array;
  /** 0 stored (default), 8 deflated. */
  readonly method?: number;
  /** What the archive says of the size once unpacked. Default: the length of `data`. */
  readonly unpackedSize?: number;
  /** Where the directory says that it lies. Default: the truth. */
  readonly claimedOffset?: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;

export function zipArchive(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const common = commonFields(entry, name.length);
    const local = Buffer.concat([signature(LOCAL_HEADER), common, name, entry.data]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(entry.claimedOffset ?? offset, 10);
    directory.push(Buffer.concat([signature(CENTRAL_HEADER), Buffer.from([20, 0]), common, place, name]));
    files.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, central, end]);
}

/** What local and central headers share: version, flags, method, date, checksum, sizes, lengths of name and extra field. */
function commonFields({ data, method = 0, unpackedSize = data.length }: ZipEntry, nameLength: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt32LE(crc32(data), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(unpackedSize, 18);
  fields.writeUInt16LE(nameLength, 22);
  return fields;
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
