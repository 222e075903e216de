/**
 * What the instructions of a pickle do (protocols 2 to 5, as Python's `pickletools` lists them), with one difference to Python: nothing is
 * called. Names of classes and functions stay names, and what they should make is decided by `constructors.ts`, a short list; all
 * else becomes an inert record.
 */
import { construct, loadPersistent } from "./constructors.js";
import type { PickleMachine } from "./pickle-machine.js";
import { GlobalName, InertObject, TensorReference, type PickleValue } from "./pickle-values.js";

const HIGHEST_PROTOCOL = 5;

type Instruction = (machine: PickleMachine) => void;

/** Pairs of a flat list. */
function pairs(machine: PickleMachine, flat: readonly PickleValue[]): [PickleValue, PickleValue][] {
  if (flat.length % 2 !== 0) machine.fail("a key has no value");
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
}

function integer(machine: PickleMachine, length: number): number | bigint {
  if (length > machine.limits.integerBytes) {
    machine.fail(`an integer of ${length} bytes; at most ${machine.limits.integerBytes} are read`);
  }
  const bytes = machine.take(length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  const signed = BigInt.asIntN(8 * length, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

function tupleOf(count: number): Instruction {
  return (machine) => {
    const values = Array.from({ length: count }, () => machine.pop()).reverse();
    machine.pushNested(values, values);
  };
}

function append(machine: PickleMachine, values: readonly PickleValue[]): void {
  const target = machine.top();
  const list = target instanceof InertObject ? target.items : target;
  if (!Array.isArray(list) || !(typeof target === "object" && target !== null))
    machine.fail("it appends to something that is no list");
  machine.nest(target, values);
  for (const value of values) list.push(value);
}

function setItems(machine: PickleMachine, flat: readonly PickleValue[]): void {
  const target = machine.top();
  const map = target instanceof InertObject ? target.entries : target;
  if (!(map instanceof Map) || !(typeof target === "object" && target !== null))
    machine.fail("it puts items into something that is no dictionary");
  machine.nest(target, flat);
  for (const [key, value] of pairs(machine, flat)) map.set(key, value);
}

function addItems(machine: PickleMachine, values: readonly PickleValue[]): void {
  const target = machine.top();
  if (target instanceof InertObject) {
    append(machine, values);
    return;
  }
  if (!(target instanceof Set)) machine.fail("it adds to something that is no set");
  machine.nest(target, values);
  for (const value of values) target.add(value);
}

/** Makes what a class or function stands for, or an inert record of it. */
function reduce(machine: PickleMachine): void {
  const args = machine.pop();
  const callee = machine.pop();
  machine.spend(elementsOf(args));
  const made = construct(callee, args);
  if (typeof made !== "object" || made === null) machine.push(made);
  else machine.pushNested(made, madeFrom(made, args));
}

/** How many elements a constructor may look at: those of its arguments, and those of each list among them. */
function elementsOf(args: PickleValue): number {
  if (!Array.isArray(args)) return 0;
  return args.reduce<number>((total, arg) => total + (Array.isArray(arg) ? arg.length : 0), args.length);
}

/** A constructor may hand on one of its arguments; that counts as its own depth already. */
function madeFrom(made: PickleValue, args: PickleValue): PickleValue[] {
  if (Array.isArray(args) && args.includes(made)) return [];
  return made instanceof TensorReference ? [] : [args];
}

/** The state of an object. Containers and tensors can carry attributes too, which nothing here needs. */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const target = machine.top();
  if (!(target instanceof InertObject)) return;
  machine.nest(target, [state]);
  target.state = state;
}

function global(machine: PickleMachine, module: PickleValue, name: PickleValue): void {
  if (typeof module !== "string" || typeof name !== "string") machine.fail("a name of a class is no text");
  const length = module.length + name.length;
  if (length > machine.limits.className) machine.fail(`a name of a class has ${length} characters`);
  machine.push(new GlobalName(module, name));
}

/** By their byte. STOP is the machine's own. */
export const instructions: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  // protocol and frames
  [0x80, (m) => m.take(1)[0]! > HIGHEST_PROTOCOL && m.fail("it is of a protocol newer than 5")], // PROTO
  [0x95, (m) => void m.takeLength()], // FRAME
  // stack and memo
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => m.drop()], // POP
  [0x31, (m) => void m.popMark()], // POP_MARK
  [0x32, (m) => m.push(m.top())], // DUP
  [0x71, (m) => m.memorise(m.take(1)[0]!)], // BINPUT
  [0x72, (m) => m.memorise(m.take(4).readUInt32LE())], // LONG_BINPUT
  [0x94, (m) => m.memoriseNext()], // MEMOIZE
  [0x68, (m) => m.recall(m.take(1)[0]!)], // BINGET
  [0x6a, (m) => m.recall(m.take(4).readUInt32LE())], // LONG_BINGET
  // constants and numbers
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.take(4).readInt32LE())], // BININT
  [0x4b, (m) => m.push(m.take(1)[0]!)], // BININT1
  [0x4d, (m) => m.push(m.take(2).readUInt16LE())], // BININT2
  [0x8a, (m) => m.push(integer(m, m.take(1)[0]!))], // LONG1
  [0x8b, (m) => m.push(integer(m, m.take(4).readUInt32LE()))], // LONG4
  [0x47, (m) => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  // text and bytes
  [0x58, (m) => m.push(m.text(m.take(4).readUInt32LE()))], // BINUNICODE
  [0x8c, (m) => m.push(m.text(m.take(1)[0]!))], // SHORT_BINUNICODE
  [0x8d, (m) => m.push(m.text(m.takeLength()))], // BINUNICODE8
  [0x54, (m) => m.push(m.text(m.take(4).readUInt32LE()))], // BINSTRING of Python 2
  [0x55, (m) => m.push(m.text(m.take(1)[0]!))], // SHORT_BINSTRING of Python 2
  [0x42, (m) => m.push(m.take(m.take(4).readUInt32LE()))], // BINBYTES
  [0x43, (m) => m.push(m.take(m.take(1)[0]!))], // SHORT_BINBYTES
  [0x8e, (m) => m.push(m.take(m.takeLength()))], // BINBYTES8
  [0x96, (m) => m.push(m.take(m.takeLength()))], // BYTEARRAY8
  // containers
  [0x29, (m) => m.pushNested([], [])], // EMPTY_TUPLE
  [0x85, tupleOf(1)], // TUPLE1
  [0x86, tupleOf(2)], // TUPLE2
  [0x87, tupleOf(3)], // TUPLE3
  [0x74, (m) => containerFromMark(m, (values) => values)], // TUPLE
  [0x5d, (m) => m.pushNested([], [])], // EMPTY_LIST
  [0x6c, (m) => containerFromMark(m, (values) => values)], // LIST
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.popMark())], // APPENDS
  [0x7d, (m) => m.pushNested(new Map(), [])], // EMPTY_DICT
  [0x64, (m) => containerFromMark(m, (values) => new Map(pairs(m, values)))], // DICT
  [0x73, (m) => setItems(m, [m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => setItems(m, m.popMark())], // SETITEMS
  [0x8f, (m) => m.pushNested(new Set(), [])], // EMPTY_SET
  [0x90, (m) => addItems(m, m.popMark())], // ADDITEMS
  [0x91, (m) => containerFromMark(m, (values) => new Set(values))], // FROZENSET
  // objects, which stay descriptions
  [0x63, (m) => global(m, m.line(), m.line())], // GLOBAL
  [0x93, (m) => stackGlobal(m)], // STACK_GLOBAL
  [0x52, reduce], // REDUCE
  [0x81, reduce], // NEWOBJ: cls.__new__(cls, *args)
  [0x92, newObjectWithKeywords], // NEWOBJ_EX
  [0x62, build], // BUILD
  [0x51, (m) => m.push(loadPersistent(m.pop()))], // BINPERSID
]);

function containerFromMark(machine: PickleMachine, make: (values: PickleValue[]) => PickleValue & object): void {
  const values = machine.popMark();
  machine.pushNested(make(values), values);
}

function stackGlobal(machine: PickleMachine): void {
  const name = machine.pop();
  global(machine, machine.pop(), name);
}

function newObjectWithKeywords(machine: PickleMachine): void {
  const keywords = machine.pop();
  const args = machine.pop();
  const both = [args, keywords];
  machine.nest(both, both);
  machine.push(both);
  reduce(machine);
}
