/**
 * What a pickle can hold once it is read here: plain data, and records that describe what the file wanted to be built. Nothing in this
 * file can build or call anything.
 */

import type { DType } from "@yolov9/torch";

/** Lists and tuples are arrays, dictionaries are maps; integers beyond 2⁵³ are bigint. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | GlobalName
  | InertObject
  | StorageReference
  | TensorReference;

export type PickleMap = Map<PickleValue, PickleValue>;

/** The name of a class or function. It stays a name. */
export class GlobalName {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that is not known here, or the result of a call that was not made: what it would have been built from. */
export class InertObject {
  /** `module.Class`, or how the constructor looked where it was no name. */
  readonly className: string;
  readonly args: PickleValue;
  /** What the object would have got as its `__dict__`, or whatever its class makes of it. */
  state: PickleValue | undefined;
  #items: PickleValue[] | undefined;
  #entries: PickleMap | undefined;

  constructor(className: string, args: PickleValue) {
    this.className = className;
    this.args = args;
  }

  /** What was appended to it, where its class is a kind of list or set. */
  get items(): PickleValue[] {
    return (this.#items ??= []);
  }

  /** What was put into it, where its class is a kind of dictionary. */
  get entries(): PickleMap {
    return (this.#entries ??= new Map());
  }

  /** An attribute of the object, where its state is a dictionary. */
  attribute(name: string): PickleValue | undefined {
    return this.state instanceof Map ? this.state.get(name) : undefined;
  }
}

/** Elements in a record of the archive. */
export class StorageReference {
  readonly dtype: DType;
  /** Name of the record below `data/`. */
  readonly key: string;
  /** In elements, as the pickle says. */
  readonly length: number;

  constructor(dtype: DType, key: string, length: number) {
    this.dtype = dtype;
    this.key = key;
    this.length = length;
  }
}

/** A strided window on a storage; offset and strides in elements. It lies inside its storage. */
export class TensorReference {
  readonly storage: StorageReference;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: StorageReference, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A file that is damaged, hostile, or of a kind that is not read. The message says what and what to do. */
export class TorchFileError extends Error {
  override readonly name = "TorchFileError";
}
