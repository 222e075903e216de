/**
 * The whole list of what a pickle may have made: ordered dictionaries, sets, sizes, and tensors as references to records of the archive.
 * Everything else that a file names (a module of a network, a path, a call of `os.system`) becomes an inert record.
 */
import type { DType } from "@yolov9/torch";
import {
  GlobalName,
  InertObject,
  StorageReference,
  TensorReference,
  TorchFileError,
  type PickleValue,
} from "./pickle-values.js";

const LARGEST_RANK = 8;
/** Keys of storages are numbers. */
const LONGEST_KEY = 100;

type Arguments = readonly PickleValue[];
type Constructor = (args: Arguments) => PickleValue;

/** By the name that a pickle gives them. `__builtin__` is Python 2's name, which protocol 2 keeps. */
const constructors = new Map<string, Constructor>([
  ["collections.OrderedDict", orderedDictionary],
  ["__builtin__.set", setOf],
  ["builtins.set", setOf],
  ["__builtin__.frozenset", setOf],
  ["builtins.frozenset", setOf],
  ["torch.Size", ([sizes]) => (Array.isArray(sizes) ? sizes : [])],
  ["torch._utils._rebuild_tensor", tensor],
  ["torch._utils._rebuild_tensor_v2", tensor],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
]);

/** PyTorch's classes of storages; those that are absent (complex, quantised, 8-bit float) cannot be read. */
const storageTypes: ReadonlyMap<string, DType> = new Map([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
]);
const STORAGE_MODULES = ["torch", "torch.cuda", "torch.storage"];

/**
 * What calling `callee` with `args` stands for.
 * @throws TorchFileError for a tensor that does not lie inside its storage
 */
export function construct(callee: PickleValue, args: PickleValue): PickleValue {
  if (!(callee instanceof GlobalName)) return new InertObject("a call of something that is no name", args);
  const known = constructors.get(callee.path);
  return known !== undefined && Array.isArray(args) ? known(args) : new InertObject(callee.path, args);
}

/**
 * What a persistent id stands for: PyTorch uses them for storages alone, `("storage", class, key, device, elements)`.
 * @throws TorchFileError for anything else
 */
export function loadPersistent(id: PickleValue): StorageReference {
  const [kind, type, key, , length] = Array.isArray(id) ? id : [];
  if (kind !== "storage" || !(type instanceof GlobalName) || typeof key !== "string" || !isSize(length)) {
    throw new TorchFileError("the pickle refers to something outside it that is no storage of a tensor");
  }
  if (key.length > LONGEST_KEY) throw new TorchFileError(`the name of a storage has ${key.length} characters`);
  const dtype = STORAGE_MODULES.includes(type.module) ? storageTypes.get(type.name) : undefined;
  if (dtype === undefined) throw new TorchFileError(`storages of class ${type.path} cannot be read`);
  return new StorageReference(dtype, key, length);
}

function orderedDictionary([pairs]: Arguments): PickleValue {
  const list = Array.isArray(pairs) ? pairs : [];
  return new Map(
    list.map((pair): [PickleValue, PickleValue] => {
      if (!Array.isArray(pair) || pair.length !== 2) throw new TorchFileError("an OrderedDict is made from no pairs");
      return [pair[0]!, pair[1]!];
    }),
  );
}

function setOf([items]: Arguments): PickleValue {
  return new Set(Array.isArray(items) ? items : []);
}

function parameter([data]: Arguments): PickleValue {
  if (!(data instanceof TensorReference))
    throw new TorchFileError("a parameter is made from something that is no tensor");
  return data;
}

function tensor([storage, offset, shape, strides]: Arguments): TensorReference {
  if (!(storage instanceof StorageReference) || !isSize(offset) || !isSizes(shape) || !isSizes(strides)) {
    throw new TorchFileError("a tensor is described by something else than storage, offset, shape and strides");
  }
  if (shape.length !== strides.length || shape.length > LARGEST_RANK) {
    throw new TorchFileError(`a tensor has shape [${shape.slice(0, 16).join(", ")}] but ${strides.length} strides`);
  }
  refuseOutside(storage, offset, shape, strides);
  return new TensorReference(storage, offset, shape, strides);
}

/** A window that repeats elements (stride 0) could be of any size, so it may not have more elements than its storage. */
function refuseOutside(
  { key, length }: StorageReference,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const elements = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((index, size, i) => index + (size - 1) * strides[i]!, offset);
  if (elements > 0 ? last >= length || elements > length : offset > length) {
    throw new TorchFileError(
      `a tensor of shape [${shape.join(", ")}] at offset ${offset} is larger than its storage "${key}" of ${length} elements`,
    );
  }
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}
