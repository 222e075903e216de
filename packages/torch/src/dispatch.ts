// Calls operators by schema name: picks the overload that fits the arguments, swaps Tensors for handles, and makes
// libtorch's errors speak of the operator and the shapes that went in.
import { bridge, type TensorHandle } from "./native.js";
import { TensorList } from "./tensor-list.js";
import { Tensor } from "./tensor.js";

/**
 * One overload of an operator. `positional` holds a letter per positional argument (T tensor, L list of tensors,
 * n number, N number or numbers, A numbers, b boolean, s string; `?` if it may be left out), `keywords` the names of the
 * keyword-only arguments in schema order.
 */
export interface Overload {
  overload: string;
  positional: readonly string[];
  keywords: readonly string[];
}

export interface Operator {
  name: string;
  overloads: readonly Overload[];
  /** Index of each overload in the bridge, found at its first call. */
  indices: (number | undefined)[];
}

/** Describes an operator; nothing is looked up before its first call. */
export function operator(name: string, overloads: readonly Overload[]): Operator {
  return { name, overloads, indices: [] };
}

/**
 * Calls an operator with its positional arguments, then optionally one object of keyword-only ones.
 * @throws Error naming the operator, libtorch's reason and the arguments' shapes
 */
export function invoke(target: Operator, args: readonly unknown[]): unknown {
  const position = target.overloads.length === 1 ? 0 : select(target, args);
  const overload = target.overloads[position]!;
  const index = (target.indices[position] ??= find(target.name, overload.overload));
  return call(target.name, index, inSchemaOrder(overload, args));
}

/**
 * Calls any of libtorch's operators, including those without a typed face here.
 * @param name schema name such as `aten::conv2d`
 * @param overload the part behind the dot in the schema, or ""
 * @param args all arguments in schema order, keyword-only ones included; undefined stands for the default
 */
export function callOperator(name: string, overload: string, args: readonly unknown[]): unknown {
  return call(name, find(name, overload), args);
}

const found = new Map<string, number>();

function find(name: string, overload: string): number {
  const key = overload === "" ? name : `${name}.${overload}`;
  let index = found.get(key);
  if (index === undefined) {
    index = bridge.findOperator(name, overload);
    if (index < 0) throw new Error(`${key}: this libtorch (${bridge.capabilities().version}) has no such operator`);
    found.set(key, index);
  }
  return index;
}

function call(name: string, index: number, args: readonly unknown[]): unknown {
  const handles = args.map(toHandle);
  try {
    const result = bridge.callOperator(index, handles);
    observer?.(name, handles, result);
    return fromHandle(result);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${name}: ${reason} — called with (${args.map(describe).join(", ")})`, { cause: error });
  }
}

/** Told of an operator after its call; tensors are handles. */
export type OperatorObserver = (name: string, args: readonly unknown[], result: unknown) => void;

let observer: OperatorObserver | undefined;

/** Runs `body` while every call of an operator is told to the observer. */
export function observeOperators<T>(observe: OperatorObserver, body: () => T): T {
  const outer = observer;
  observer = observe;
  try {
    return body();
  } finally {
    observer = outer;
  }
}

export function isTensorHandle(value: unknown): value is TensorHandle {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function select(target: Operator, args: readonly unknown[]): number {
  const position = target.overloads.findIndex((overload) => fits(overload, args));
  if (position < 0) throw new TypeError(`${target.name}: no overload takes (${args.map(describe).join(", ")})`);
  return position;
}

function fits(overload: Overload, args: readonly unknown[]): boolean {
  const options = optionsOf(overload, args);
  const count = options === undefined ? args.length : args.length - 1;
  if (count > overload.positional.length) return false;
  if (options !== undefined && !Object.keys(options).every((key) => overload.keywords.includes(key))) return false;
  if (options === undefined && overload.keywords.includes("rounding_mode")) return false;
  return overload.positional.every((code, index) => {
    const value = index < count ? args[index] : undefined;
    return value === undefined || value === null ? code.endsWith("?") : matches(code[0]!, value);
  });
}

function matches(code: string, value: unknown): boolean {
  switch (code) {
    case "T":
      return value instanceof Tensor;
    case "n":
      return typeof value === "number" || typeof value === "boolean";
    case "N":
      return typeof value === "number" || (Array.isArray(value) && typeof value[0] !== "object");
    case "A":
      return Array.isArray(value) && !(value[0] instanceof Tensor);
    case "L":
      return Array.isArray(value);
    case "b":
      return typeof value === "boolean";
    default:
      return typeof value === "string";
  }
}

function optionsOf(overload: Overload, args: readonly unknown[]): Record<string, unknown> | undefined {
  if (overload.keywords.length === 0) return undefined;
  const last = args.at(-1);
  const isOptions = typeof last === "object" && last !== null && !Array.isArray(last) && !(last instanceof Tensor);
  return isOptions ? (last as Record<string, unknown>) : undefined;
}

function inSchemaOrder(overload: Overload, args: readonly unknown[]): readonly unknown[] {
  const options = optionsOf(overload, args);
  if (options === undefined) return args;
  const ordered: unknown[] = args.slice(0, -1);
  overload.keywords.forEach((keyword, index) => {
    ordered[overload.positional.length + index] = options[keyword];
  });
  // Array.from makes holes (positional arguments left out before the options) explicit.
  return Array.from(ordered);
}

function toHandle(value: unknown): unknown {
  if (value instanceof Tensor || value instanceof TensorList) return value.handle;
  return Array.isArray(value) ? value.map(toHandle) : value;
}

function fromHandle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromHandle);
  return isTensorHandle(value) ? new Tensor(value) : value;
}

function describe(value: unknown): string {
  if (value instanceof TensorList) return `${value.length} Tensors`;
  if (value instanceof Tensor) return value.isDisposed ? "disposed Tensor" : value.toString();
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return typeof value === "string" ? `"${value}"` : String(value);
}
