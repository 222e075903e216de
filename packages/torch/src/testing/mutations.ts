// What replaces one argument of a valid call: values of every wrong kind, and tensors that are almost right.
import type * as index from "../index.js";
import type { Tensor } from "../index.js";

/** The package that is called. */
export type Torch = typeof index;

export interface Mutation {
  readonly name: string;
  readonly value: unknown;
  /** Whether no function that takes the original may take this. */
  readonly isWrong: boolean;
}

/** Values that stand for a kind of external value, or that a test must make first. */
export interface Oddities {
  readonly plan: unknown;
  readonly list: unknown;
  readonly disposed: unknown;
}

const NUMBERS = [
  -1,
  0,
  1,
  0.5,
  7,
  64,
  NaN,
  Infinity,
  -Infinity,
  -(2 ** 31),
  2 ** 31,
  2 ** 40,
  -(2 ** 63),
  2 ** 53,
  1e300,
];

/** What is a tensor nowhere, nor a number, a flag or a list. */
function alien({ plan }: Oddities): Mutation[] {
  return [
    { name: "an object", value: {}, isWrong: true },
    { name: "a symbol", value: Symbol("wrong"), isWrong: true },
    { name: "a plan", value: plan, isWrong: true },
    { name: "a date", value: new Date(0), isWrong: true },
    { name: "a function", value: () => 0, isWrong: true },
  ];
}

/** Whether it is known what cannot stand for the value. */
function isPlain(original: unknown): boolean {
  if (typeof original !== "object") return ["number", "string", "boolean"].includes(typeof original);
  return Array.isArray(original) || (original !== null && Object.getPrototypeOf(original) === Object.prototype);
}

/** Mutations of an argument that is no tensor. */
function ofValue(original: unknown, oddities: Oddities): Mutation[] {
  const is = typeof original;
  const numbers = NUMBERS.map((value) => ({
    name: String(value),
    value,
    isWrong:
      is === "boolean" ||
      is === "string" ||
      (is === "object" && original !== null && !Array.isArray(original)) ||
      (is === "number" && !Number.isFinite(value)),
  }));
  return [
    ...numbers,
    { name: "undefined", value: undefined, isWrong: false },
    { name: "null", value: null, isWrong: false },
    { name: "text", value: "text", isWrong: is !== "string" || /^(float|u?int|bool)/.test(original as string) },
    { name: "true", value: true, isWrong: is === "string" },
    { name: "2n ** 70n", value: 2n ** 70n, isWrong: is !== "object" || original !== null },
    { name: "[]", value: [], isWrong: is === "string" || is === "boolean" },
    { name: "a disposed tensor", value: oddities.disposed, isWrong: true },
    { name: "a list of tensors", value: oddities.list, isWrong: is !== "object" },
    ...alien(oddities),
  ].map((mutation) => (isPlain(original) ? mutation : { ...mutation, isWrong: false }));
}

/** The tensor with other sizes, types, devices and layouts. */
function ofTensor(torch: Torch, original: Tensor, oddities: Oddities): Mutation[] {
  const { callOperator, noGrad } = torch;
  const call = (name: string, args: readonly unknown[]): Tensor => callOperator(`aten::${name}`, "", args) as Tensor;
  const plain = original.detach();
  const makers: Record<string, () => Tensor> = {
    "one dimension more": () => plain.unsqueeze(0),
    "one dimension": () => plain.flatten(),
    "no dimension": () => torch.tensor(1),
    nothing: () => torch.zeros([0]),
    "ten dimensions": () => torch.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    "short at the front": () => plain.narrow(0, 0, plain.shape[0]! - 1),
    "short at the back": () => plain.narrow(-1, 0, plain.shape.at(-1)! - 1),
    twice: () => torch.cat([plain, plain], 0),
    "turned round": () => plain.transpose(0, -1),
    "one repeated": () => plain.narrow(0, 0, 1).expand([5, ...plain.shape.slice(1)]),
    "every second": () => torch.cat([plain, plain], -1).narrow(-1, 1, plain.shape.at(-1)!),
    "on meta": () => plain.to({ device: "meta" }),
    sparse: () => call("to_sparse", [plain]),
    "without an element": () => plain.narrow(0, 0, 0),
  };
  for (const dtype of ["float64", "bfloat16", "float16", "int64", "int32", "uint8", "bool"] as const) {
    if (dtype !== original.dtype) makers[dtype] = () => plain.to({ dtype });
  }
  const made = Object.entries(makers).flatMap(([name, make]): Mutation[] => {
    try {
      return [{ name, value: noGrad(make), isWrong: false }];
    } catch {
      return []; // a scalar has no narrower form
    }
  });
  const values = ofValue(undefined, oddities).map((mutation) => ({
    ...mutation,
    isWrong: typeof mutation.value === "string",
  }));
  return [
    ...made,
    ...values,
    ...alien(oddities),
    { name: "a disposed tensor", value: oddities.disposed, isWrong: true },
  ];
}

function ofList(torch: Torch, original: readonly unknown[], oddities: Oddities): Mutation[] {
  const replaced = original.flatMap((item, index) =>
    mutationsOf(torch, item, oddities).map(({ name, value, isWrong }) => ({
      name: `[${index}] ${name}`,
      value: original.with(index, value),
      isWrong,
    })),
  );
  const lengths = [original.slice(1), [...original, original[0]], [...original, undefined], Array.from({ length: 3 })];
  return [
    ...replaced,
    ...lengths.map((value) => ({ name: `${value.length} items`, value, isWrong: false })),
    ...ofValue(original, oddities),
  ];
}

function ofObject(torch: Torch, original: object, oddities: Oddities): Mutation[] {
  const replaced = Object.entries(original).flatMap(([key, item]) =>
    mutationsOf(torch, item, oddities).map(({ name, value, isWrong }) => ({
      name: `${key} ${name}`,
      value: { ...original, [key]: value },
      isWrong,
    })),
  );
  return [...replaced, ...ofValue(original, oddities)];
}

/** Everything that is tried in the place of an argument. */
export function mutationsOf(torch: Torch, original: unknown, oddities: Oddities): Mutation[] {
  if (original instanceof torch.Tensor) return ofTensor(torch, original, oddities);
  if (Array.isArray(original)) return ofList(torch, original, oddities);
  return typeof original === "object" && isPlain(original)
    ? ofObject(torch, original!, oddities)
    : ofValue(original, oddities);
}
