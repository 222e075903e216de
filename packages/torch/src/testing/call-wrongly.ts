// The child of wrong-arguments.test.ts: calls everything with wrong arguments, one after another, and writes each call down before it makes
// it, so that the last line names the one that a crash came from. Arguments: the folder of the package's build, the file, the seed.
import { openSync, writeSync } from "node:fs";
import type { Bridge, TensorHandle } from "../native.js";
import { bridgeCalls, planDescription, rememberHandle, toHandles } from "./bridge-calls.js";
import { functionCalls } from "./function-calls.js";
import { mutationsOf, type Mutation, type Oddities, type Torch } from "./mutations.js";
import { operatorCalls } from "./operator-calls.js";
import { randomNumbers } from "./random.js";

/** Calls with two arguments changed, for the first valid one of everything. */
const PAIRS = 60;
/** Calls with one argument changed, for the first valid one and for others. */
const MOST = 250;
const SAMPLE = 40;

/** What the argument at a place becomes. */
type Change = readonly [place: number, mutation: Mutation];

interface Subject {
  readonly name: string;
  make(): unknown[];
  call(args: readonly unknown[]): unknown;
  after?(result: unknown): void;
  readonly mayRefuse?: boolean;
  readonly isLenient?: true;
}

export interface Outcome {
  /** Wrong calls, by what was called. */
  readonly calls: Readonly<Record<string, { refused: number; taken: number }>>;
  /** What a valid call did, or one with an argument that nothing can be made of, that it should not have done. */
  readonly complaints: readonly string[];
  /** Functions and operators that no call is written for. */
  readonly uncovered: readonly string[];
}

const [folder, logFile, seed] = process.argv.slice(2) as [string, string, string];
const load = async <Module>(file: string): Promise<Module> => (await import(new URL(file, folder).href)) as Module;
const torch = await load<Torch>("index.js");
const { bridge } = await load<{ bridge: Bridge }>("native.js");
const generated = await load<Record<string, unknown>>("operators.generated.js");
const log = openSync(logFile, "w");
const random = randomNumbers(Number(seed));
const calls: Record<string, { refused: number; taken: number }> = {};
const complaints: string[] = [];

/** Reads everything that came back, and differentiates it: wrong sizes inside would show here. */
function use(result: unknown): void {
  if (Array.isArray(result)) {
    result.forEach(use);
    return;
  }
  if (result instanceof torch.Tensor) {
    use(result.handle);
    return;
  }
  if (typeof result !== "object" || result === null || Object.getPrototypeOf(result) !== null) return;
  const handle = result as TensorHandle;
  if (!bridge.device(handle).startsWith("cpu")) return;
  bridge.toBytes(handle);
  if (!bridge.requiresGrad(handle) || !bridge.isGradEnabled()) return;
  const sum = bridge.callOperator(bridge.findOperator("aten::sum", ""), [handle]) as TensorHandle;
  bridge.backward(sum, undefined, false);
}

/** @returns the error; undefined where there was none */
function attempt(subject: Subject, args: readonly unknown[]): Error | undefined {
  let result: unknown;
  try {
    result = subject.call(args);
  } catch (error) {
    return error instanceof Error ? error : new Error("", { cause: error });
  }
  try {
    use(result);
  } catch {
    // an operator may take what it cannot differentiate
  }
  subject.after?.(result);
  return undefined;
}

function tryWrong(subject: Subject, args: readonly unknown[], changed: readonly Change[]): void {
  const description = changed.map(([place, { name }]) => `argument ${place} is ${name}`).join(", ");
  const wrong = changed.reduce<readonly unknown[]>((all, [place, { value }]) => all.with(place, value), args);
  writeSync(log, `${subject.name}: ${description}\n`);
  const error = attempt(subject, wrong);
  const count = (calls[subject.name] ??= { refused: 0, taken: 0 });
  if (error === undefined) count.taken++;
  else count.refused++;
  if (error === undefined && subject.isLenient !== true && changed.some(([, { isWrong }]) => isWrong))
    complaints.push(`${subject.name} took it: ${description}`);
  if (error?.message === "") complaints.push(`${subject.name} threw something without a message: ${description}`);
}

function oddities(): Oddities {
  const disposed = torch.tensor([1, 2]);
  rememberHandle(disposed);
  disposed.dispose();
  const plan = bridge.makePlan(toHandles(torch, planDescription(torch)) as Parameters<Bridge["makePlan"]>[0]);
  return { plan, list: bridge.makeTensorList([torch.tensor(1).handle, null]), disposed };
}

function exercise(subject: Subject): void {
  writeSync(log, `${subject.name}: valid\n`);
  const valid = subject.make();
  const error = attempt(subject, valid);
  if (error !== undefined && subject.mayRefuse !== true)
    complaints.push(`${subject.name} refused a valid call: ${error.message}`);
  if (valid.length === 0) return;
  const isKnown = subject.name in calls;
  const odd = oddities();
  const mutations = subject
    .make()
    .flatMap((argument, place) => mutationsOf(torch, argument, odd).map((mutation): Change => [place, mutation]));
  for (const change of mutations) {
    if (random(mutations.length) < (isKnown ? SAMPLE : MOST)) tryWrong(subject, subject.make(), [change]);
  }
  for (let i = 0; valid.length > 1 && i < (isKnown ? PAIRS / 4 : PAIRS); i++) {
    const [first, second] = [random(mutations.length), random(mutations.length)].map((index) => mutations[index]!);
    if (first![0] !== second![0]) tryWrong(subject, subject.make(), [first!, second!]);
  }
}

const operators: Subject[] = operatorCalls(torch).map(({ operator, ...rest }) => {
  const index = bridge.findOperator(`yolov9::${operator}`, "");
  return {
    ...rest,
    name: `yolov9::${operator}`,
    call: (args) => bridge.callOperator(index, toHandles(torch, args) as unknown[]),
  };
});
const functions: Subject[] = bridgeCalls(torch, bridge).flatMap((each) => {
  const target: unknown = Reflect.get(bridge, each.name);
  // Sanitizers see nothing of memory from the caching allocator.
  if (
    typeof target !== "function" ||
    (each.name === "useCachingAllocator" && process.env.YOLOV9_ALLOCATOR === "system")
  )
    return [];
  return [
    {
      ...each,
      name: `bridge.${each.name}`,
      call: (args: readonly unknown[]) => Reflect.apply(target, bridge, toHandles(torch, args) as unknown[]) as unknown,
    },
  ];
});
const exported: Subject[] = functionCalls(torch);
const subjects = [...operators, ...functions, ...exported];
for (const subject of subjects) exercise(subject);

const covered = new Set([
  ...subjects.map(({ name }) => name),
  ...(process.env.YOLOV9_ALLOCATOR === "system" ? ["bridge.useCachingAllocator"] : []),
]);
const wanted = [
  ...bridge.operatorNames("yolov9"),
  ...Object.keys(bridge).map((name) => `bridge.${name}`),
  ...Object.entries(torch).flatMap(([name, value]) =>
    typeof value === "function" && !(name in generated) ? [name] : [],
  ),
];
const outcome: Outcome = { calls, complaints, uncovered: wanted.filter((name) => !covered.has(name)) };
console.log(JSON.stringify(outcome));
