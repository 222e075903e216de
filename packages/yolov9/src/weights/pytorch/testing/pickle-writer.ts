/** Writes pickles of protocol 2 for tests: ordinary values, objects and calls by name, and whatever bytes a test puts between them. */

export class Global {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}

export class Tuple {
  readonly items: readonly Picklable[];

  constructor(...items: Picklable[]) {
    this.items = items;
  }
}

/** `callee(*args)` for whoever executes pickles. */
export class Call {
  readonly callee: Global;
  readonly args: Tuple;

  constructor(callee: Global, ...args: Picklable[]) {
    this.callee = callee;
    this.args = new Tuple(...args);
  }
}

/** An object of a class with its `__dict__`. */
export class Instance {
  readonly type: Global;
  readonly state: ReadonlyMap<string, Picklable>;

  constructor(type: Global, state: ReadonlyMap<string, Picklable>) {
    this.type = type;
    this.state = state;
  }
}

/** Something outside the pickle. */
export class Persistent {
  readonly id: Picklable;

  constructor(id: Picklable) {
    this.id = id;
  }
}

/** A number written with a fraction, also where it is whole. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type Picklable =
  | null
  | boolean
  | number
  | string
  | readonly Picklable[]
  | ReadonlyMap<Picklable, Picklable>
  | Global
  | Tuple
  | Call
  | Instance
  | Persistent
  | Float;

const PROTOCOL_2 = Buffer.from([0x80, 2]);
export const STOP = Buffer.from(".");

/** The bytes of one pickle. */
export function pickled(value: Picklable): Buffer {
  return Buffer.concat([PROTOCOL_2, ...write(value), STOP]);
}

/** A pickle of the given instructions, with nothing added but the protocol. */
export function instructions(...parts: (string | readonly number[] | Uint8Array)[]): Buffer {
  const bytes = parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part)));
  return Buffer.concat([PROTOCOL_2, ...bytes]);
}

function write(value: Picklable): Buffer[] {
  if (value === null) return [Buffer.from("N")];
  if (typeof value === "boolean") return [Buffer.from([value ? 0x88 : 0x89])];
  if (typeof value === "number") return [integer(value)];
  if (typeof value === "string") return [Buffer.from("X"), uint32(Buffer.byteLength(value)), Buffer.from(value)];
  if (value instanceof Global) return [Buffer.from(`c${value.module}\n${value.name}\n`)];
  if (value instanceof Tuple) return [Buffer.from("("), ...value.items.flatMap(write), Buffer.from("t")];
  if (value instanceof Call) return [...write(value.callee), ...write(value.args), Buffer.from("R")];
  if (value instanceof Instance) {
    return [...write(value.type), Buffer.from([0x29, 0x81]), ...write(value.state), Buffer.from("b")];
  }
  if (value instanceof Persistent) return [...write(value.id), Buffer.from("Q")];
  if (value instanceof Float) {
    const bytes = Buffer.alloc(9, "G");
    bytes.writeDoubleBE(value.value, 1);
    return [bytes];
  }
  if (value instanceof Map) return [Buffer.from("}("), ...[...value].flat().flatMap(write), Buffer.from("u")];
  return [Buffer.from("]("), ...[...(value as readonly Picklable[])].flatMap(write), Buffer.from("e")];
}

function integer(value: number): Buffer {
  if (value >= -(2 ** 31) && value < 2 ** 31) {
    const bytes = Buffer.alloc(5, "J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(0x088a, 0);
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
