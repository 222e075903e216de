/**
 * Finds the weights in what a checkpoint holds: a pickled module (walked by its `_modules`, `_parameters` and `_buffers`), a state
 * dictionary, or a dictionary with one of these under a usual key, the moving average first. Says what else the file tells of the model.
 * Which model it is, `recognise.ts` finds out from the tensors.
 */
import { MOST_CLASSES } from "../../class-limit.js";
import { printable } from "../../printable.js";
import { InertObject, TensorReference, TorchFileError, type PickleMap, type PickleValue } from "./pickle-values.js";

export interface CheckpointContents {
  /** Where the weights were: "ema", "model", "state_dict" … or "" for the file's own value. */
  readonly part: string;
  /** By the names that the file gives them, in its order. */
  readonly tensors: ReadonlyMap<string, TensorReference>;
  readonly names: readonly string[] | undefined;
  /** Classes of activations (`SiLU`) and epsilons of batch norms, where modules were pickled. */
  readonly activations: ReadonlySet<string>;
  readonly normEpsilons: ReadonlySet<number>;
  /** Side of the training images in pixels. */
  readonly imageSize: number | undefined;
}

/** In order of preference: an average is better than the weights of the last step. */
const WEIGHT_KEYS = [
  "ema",
  "model_ema",
  "ema_state_dict",
  "model",
  "state_dict",
  "model_state_dict",
  "weights",
  "module",
];
const DEEPEST_WRAPPING = 5;
const DEEPEST_MODULE = 60;
/** More than any model has; shared modules could multiply without end. */
const MOST_MODULES = 20_000;
/** What modules hold, each counted where it is met. */
const MOST_MEMBERS = 500_000;
const MOST_TENSORS = 20_000;
const LONGEST_TENSOR_NAME = 500;
/** Kinds of activations and epsilons that a message could name. */
const MOST_KINDS = 10;

/** @throws TorchFileError when there are no weights, saying what was found instead */
export function checkpointContents(root: PickleValue): CheckpointContents {
  const found = findWeights(root, "", new Set());
  if (found === undefined) throw new TorchFileError(`it holds no weights, but ${describe(root)}`);
  const walk = found.value instanceof InertObject ? walkModule(found.value) : plainState(found.value);
  if (walk.tensors.size === 0) throw new TorchFileError(`its ${found.part || "weights"} have no tensors`);
  const owners = [found.value, root];
  return {
    part: found.part,
    ...walk,
    names: first(owners, (owner) => namesOf(get(owner, "names"))),
    imageSize: first(owners, trainingSize),
  };
}

interface Found {
  readonly part: string;
  readonly value: InertObject | PickleMap;
}

/** @param seen the values that this one lies in or that were looked into before: none is looked into twice */
function findWeights(value: PickleValue | undefined, part: string, seen: Set<PickleValue>): Found | undefined {
  if (value === undefined || seen.has(value) || part.split(".").length > DEEPEST_WRAPPING) return undefined;
  seen.add(value);
  if (value instanceof InertObject && value.attribute("_modules") instanceof Map) return { part, value };
  if (value instanceof Map && isState(value)) return { part, value };
  for (const key of WEIGHT_KEYS) {
    const found = findWeights(get(value, key), part === "" ? key : `${part}.${key}`, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A dictionary of tensors by names like `model.0.conv.weight`; other values may be among them. */
function isState(map: PickleMap): boolean {
  for (const [key, value] of map) {
    if (typeof key === "string" && key.includes(".") && value instanceof TensorReference) return true;
  }
  return false;
}

/** An item of a dictionary or an attribute of an object. */
function get(owner: PickleValue, key: string): PickleValue | undefined {
  if (owner instanceof Map) return owner.get(key);
  return owner instanceof InertObject ? (owner.attribute(key) ?? owner.entries.get(key)) : undefined;
}

type Walk = Pick<CheckpointContents, "tensors" | "activations" | "normEpsilons">;

function plainState(state: PickleMap): Walk {
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of state) {
    if (typeof key !== "string") continue;
    if (value instanceof InertObject) {
      throw new TorchFileError(`"${shortened(key)}" is a ${value.className}, no plain tensor`);
    }
    if (value instanceof TensorReference) addTensor(tensors, key, value);
  }
  return { tensors, activations: new Set(), normEpsilons: new Set() };
}

function addTensor(tensors: Map<string, TensorReference>, name: string, tensor: TensorReference): void {
  if (tensors.size >= MOST_TENSORS) throw new TorchFileError(`it has more than ${MOST_TENSORS} tensors`);
  if (name.length > LONGEST_TENSOR_NAME) {
    throw new TorchFileError(
      `the name of a tensor has ${name.length} characters; at most ${LONGEST_TENSOR_NAME} are read`,
    );
  }
  tensors.set(name, tensor);
}

function walkModule(root: InertObject): Walk {
  const tensors = new Map<string, TensorReference>();
  const activations = new Set<string>();
  const normEpsilons = new Set<number>();
  let modules = 0;
  let held = 0;
  const visit = (module: PickleValue, prefix: string, depth: number): void => {
    if (!(module instanceof InertObject)) return;
    held += MEMBER_KINDS.reduce((total, kind) => total + memberCount(module, kind), 0);
    if (depth > DEEPEST_MODULE || ++modules > MOST_MODULES || held > MOST_MEMBERS) {
      throw new TorchFileError("its modules never end");
    }
    for (const [name, tensor] of ownTensors(module)) addTensor(tensors, prefix + name, tensor);
    note(module, activations, normEpsilons);
    for (const [name, child] of members(module, "_modules")) visit(child, joined(prefix, name), depth + 1);
  };
  visit(root, "", 0);
  return { tensors, activations, normEpsilons };
}

/** The beginning of the names of what a member holds. */
function joined(prefix: string, name: string): string {
  const length = prefix.length + name.length;
  if (length > LONGEST_TENSOR_NAME) throw new TorchFileError(`the name of a module has ${length} characters`);
  return `${prefix}${name}.`;
}

/** Parameters, then the buffers that PyTorch would save. */
function ownTensors(module: InertObject): [string, TensorReference][] {
  const hidden = module.attribute("_non_persistent_buffers_set");
  const isSaved = ([name]: [string, PickleValue]): boolean => !(hidden instanceof Set && hidden.has(name));
  return [...members(module, "_parameters"), ...members(module, "_buffers").filter(isSaved)].map(([name, value]) => {
    if (!(value instanceof TensorReference))
      throw new TorchFileError(`"${shortened(name)}" of a ${module.className} is no plain tensor`);
    return [name, value];
  });
}

const MEMBER_KINDS = ["_parameters", "_buffers", "_modules"] as const;
type MemberKind = (typeof MEMBER_KINDS)[number];

function memberCount(module: InertObject, kind: MemberKind): number {
  const map = module.attribute(kind);
  return map instanceof Map ? map.size : 0;
}

/** The named members of one kind; a member that is None is not there. */
function members(module: InertObject, kind: MemberKind): [string, PickleValue][] {
  const map = module.attribute(kind);
  if (!(map instanceof Map)) return [];
  return [...map].filter((entry): entry is [string, PickleValue] => typeof entry[0] === "string" && entry[1] !== null);
}

function note(module: InertObject, activations: Set<string>, normEpsilons: Set<number>): void {
  const [, activation] = /^torch\.nn\.modules\.activation\.(\w+)$/.exec(module.className) ?? [];
  if (activation !== undefined && activations.size < MOST_KINDS) activations.add(activation);
  if (module.className !== "torch.nn.modules.batchnorm.BatchNorm2d") return;
  const epsilon = module.attribute("eps");
  if (typeof epsilon === "number" && normEpsilons.size < MOST_KINDS) normEpsilons.add(epsilon);
}

/** Class names as a list, or as a dictionary by class number. */
function namesOf(value: PickleValue | undefined): string[] | undefined {
  const count = Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
  if (count > MOST_CLASSES) throw new TorchFileError(`it names ${count} classes; at most ${MOST_CLASSES} are read`);
  if (Array.isArray(value)) return value.length > 0 && value.every(isText) ? value.map(shortName) : undefined;
  if (!(value instanceof Map) || value.size === 0) return undefined;
  const names = Array.from({ length: value.size }, (_, i) => value.get(i));
  return names.every(isText) ? names.map(shortName) : undefined;
}

const LONGEST_NAME = 200;

function shortName(name: string): string {
  return printable(name.slice(0, LONGEST_NAME));
}

function isText(value: PickleValue | undefined): value is string {
  return typeof value === "string";
}

function trainingSize(owner: PickleValue): number | undefined {
  for (const key of ["train_args", "args", "opt"]) {
    const options = get(owner, key);
    const size = options === undefined ? undefined : get(options, "imgsz");
    if (typeof size === "number" && Number.isSafeInteger(size) && size > 0 && size % 32 === 0) return size;
  }
  return undefined;
}

function first<In, Out>(list: readonly In[], look: (item: In) => Out | undefined): Out | undefined {
  for (const item of list) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const SHOWN_KEYS = 8;

function describe(root: PickleValue): string {
  if (root instanceof InertObject) return `what ${root.className} would make, and that is never called`;
  if (root instanceof Map) return `a dictionary of ${[...root.keys()].slice(0, SHOWN_KEYS).map(keyText).join(", ")}`;
  if (Array.isArray(root)) return `a list of ${root.length} values`;
  if (root instanceof TensorReference) return "a single tensor";
  return `a value of type ${root === null ? "None" : typeof root}`;
}

/** A key in a message. Tuples can be keys too, and hold so much that they are never written out. */
function keyText(key: PickleValue): string {
  if (typeof key === "string") return shortened(key);
  return typeof key === "object" && key !== null ? "a key that is no text" : String(key);
}

const SHOWN_CHARACTERS = 60;

function shortened(text: string): string {
  return printable(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
}
