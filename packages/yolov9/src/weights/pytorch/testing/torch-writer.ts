/**
 * Writes PyTorch checkpoints for tests: models as their published names tell them, in a pickled tree of modules or as a state dictionary, in
 * any precision, and single tensors with any strides.
 */
import { type DType, type Tensor } from "@yolov9/torch";
import { Call, Float, Global, Instance, Persistent, pickled, Tuple, type Picklable } from "./pickle-writer.js";
import { zipArchive, type ZipEntry } from "./zip-writer.js";

const storageClasses: Readonly<Record<DType, string>> = {
  float32: "FloatStorage",
  float64: "DoubleStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  int32: "IntStorage",
  int16: "ShortStorage",
  int8: "CharStorage",
  uint8: "ByteStorage",
  bool: "BoolStorage",
};
const REBUILD_TENSOR = new Global("torch._utils", "_rebuild_tensor_v2");
const ORDERED_DICTIONARY = new Global("collections", "OrderedDict");

export interface TensorLayout {
  readonly storage: string;
  readonly dtype: DType;
  /** Elements of the storage. */
  readonly length: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A tensor as PyTorch pickles it: a window on a storage. */
export function tensorCall({ storage, dtype, length, offset = 0, shape, strides }: TensorLayout): Call {
  const type = new Global("torch", storageClasses[dtype]);
  const place = new Persistent(new Tuple("storage", type, storage, "cpu", length));
  const hooks = new Call(ORDERED_DICTIONARY);
  return new Call(REBUILD_TENSOR, place, offset, new Tuple(...shape), new Tuple(...strides), false, hooks);
}

/** The bytes of a `.pt` file. */
export function torchFile(
  root: Picklable | Uint8Array,
  storages: ReadonlyMap<string, Uint8Array> = new Map(),
  more: readonly ZipEntry[] = [],
): Buffer {
  return zipArchive([
    { name: "archive/data.pkl", data: root instanceof Uint8Array ? root : pickled(root) },
    ...[...storages].map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    { name: "archive/version", data: Buffer.from("3\n") },
    ...more,
  ]);
}

/** Storages that tensors were put into. */
export class StorageWriter {
  readonly storages = new Map<string, Uint8Array>();

  /** @param dtype of floating-point tensors in the file */
  add(tensor: Tensor, dtype: DType = tensor.dtype): Call {
    const stored = /float/.test(tensor.dtype) ? dtype : tensor.dtype;
    const converted = tensor.to({ dtype: stored });
    const storage = String(this.storages.size);
    this.storages.set(storage, converted.toBytes());
    const { shape, numel } = tensor;
    return tensorCall({ storage, dtype: stored, length: numel, shape, strides: contiguous(shape) });
  }
}

export function contiguous(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
}

export function stateDictionary(
  tensors: ReadonlyMap<string, Tensor>,
  writer: StorageWriter,
  dtype?: DType,
): Map<string, Picklable> {
  return new Map([...tensors].map(([name, tensor]) => [name, writer.add(tensor, dtype)]));
}

export interface ModuleOptions {
  readonly dtype?: DType;
  readonly names?: readonly string[];
  readonly activation?: string;
  readonly normEpsilon?: number;
}

/** A tree of pickled modules with the given state; what the modules would do is not in a pickle anyway. */
export function pickledModel(
  tensors: ReadonlyMap<string, Tensor>,
  writer: StorageWriter,
  { dtype, names, activation = "SiLU", normEpsilon = 1e-3 }: ModuleOptions = {},
): Instance {
  const root = branch([...tensors].map(([name, tensor]) => [name.split("."), tensor]));
  const act = moduleOf("torch.nn.modules.activation", activation, new Map());
  const build = (node: Branch, depth: number): Instance => {
    const isNorm = node.tensors.has("running_mean");
    const parts = [...node.tensors].map(([name, tensor]): [string, Picklable] => [name, writer.add(tensor, dtype)]);
    const isBuffer = ([name]: [string, Picklable]): boolean => /^(running_|num_batches)/.test(name);
    const state = new Map<string, Picklable>([
      ["_parameters", new Map(parts.filter((part) => !isBuffer(part)))],
      ["_buffers", new Map(parts.filter(isBuffer))],
      ["_modules", new Map([...node.children].map(([name, child]) => [name, build(child, depth + 1)]))],
      ...(isNorm ? [["eps", new Float(normEpsilon)] as const] : []),
      ...(depth === 0 && names !== undefined ? [["names", names] as const] : []),
    ]);
    if (depth === 2) (state.get("_modules") as Map<string, Picklable>).set("act", act);
    return isNorm
      ? moduleOf("torch.nn.modules.batchnorm", "BatchNorm2d", state)
      : moduleOf(depth === 0 ? "models.yolo" : "models.common", depth === 0 ? "DetectionModel" : "Block", state);
  };
  return build(root, 0);
}

function moduleOf(module: string, name: string, state: ReadonlyMap<string, Picklable>): Instance {
  return new Instance(new Global(module, name), state);
}

interface Branch {
  readonly tensors: Map<string, Tensor>;
  readonly children: Map<string, Branch>;
}

function branch(entries: readonly (readonly [readonly string[], Tensor])[]): Branch {
  const root: Branch = { tensors: new Map(), children: new Map() };
  for (const [path, tensor] of entries) {
    let node = root;
    for (const name of path.slice(0, -1)) {
      const child = node.children.get(name) ?? { tensors: new Map(), children: new Map() };
      node.children.set(name, child);
      node = child;
    }
    node.tensors.set(path.at(-1)!, tensor);
  }
  return root;
}
