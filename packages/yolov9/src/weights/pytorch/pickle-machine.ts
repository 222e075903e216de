/**
 * The stack machine that a pickle is a program for: its stack, marks and memo, and the bytes that it reads. Every quantity that a file
 * could inflate has a limit, and no step recurses. What the instructions do is `pickle-instructions.ts`.
 */
import { instructions } from "./pickle-instructions.js";
import { TorchFileError, type PickleValue } from "./pickle-values.js";

/** What a file could inflate, and how far it may. */
const LIMITS = {
  /** Instructions. A training checkpoint of the largest published model has some 600 000. */
  operations: 2_000_000,
  /** Values waiting on the stack. PyTorch fills containers in batches of 1000. */
  stack: 100_000,
  /** Lists, tuples, dictionaries, sets and objects. Such a checkpoint has some 200 000. */
  containers: 500_000,
  /** Elements of arguments that calls look at or copy: a list may be an argument again and again. */
  arguments: 1_000_000,
  /** Characters of a class's name with its module. */
  className: 500,
  /** Containers inside containers, and marks waiting. A deep model needs some 40. */
  depth: 200,
  /** Bytes of an integer. */
  integerBytes: 64,
} as const;

/**
 * The value that a pickle describes.
 * @param bytes one pickle; nothing may follow it
 * @throws TorchFileError for a damaged pickle, one of protocol 0, and one beyond the limits
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  return new PickleMachine(bytes).run();
}

const STOP = 0x2e;

/** For the instructions; use `readPickle`. */
export class PickleMachine {
  readonly limits = LIMITS;
  readonly #bytes: Buffer;
  #position = 0;
  #stack: PickleValue[] = [];
  /** Stacks below the marks. */
  readonly #below: PickleValue[][] = [];
  #waiting = 0;
  #containers = 0;
  #arguments = 0;
  readonly #memo = new Map<number, PickleValue>();
  readonly #depths = new WeakMap<object, number>();

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (let operations = 0; ; operations++) {
      if (operations >= this.limits.operations) this.fail(`it has more than ${this.limits.operations} instructions`);
      const code = this.take(1)[0]!;
      if (code === STOP) break;
      const instruction = instructions.get(code);
      if (instruction === undefined) {
        this.fail(
          `instruction 0x${code.toString(16).padStart(2, "0")} is none of those that PyTorch writes (protocol 2 to 5)`,
        );
      }
      instruction(this);
    }
    const result = this.pop();
    if (this.#position !== this.#bytes.length) this.fail("it goes on after its end");
    if (this.#stack.length > 0 || this.#below.length > 0) this.fail("it ends with values left over");
    return result;
  }

  fail(reason: string): never {
    throw new TorchFileError(`the pickle cannot be read: ${reason} (at byte ${this.#position})`);
  }

  take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) this.fail(`it breaks off: ${length} bytes are wanted here`);
    const part = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return part;
  }

  /** A length in eight bytes. */
  takeLength(): number {
    const length = this.take(8).readBigUInt64LE();
    if (length > BigInt(this.#bytes.length)) this.fail(`it breaks off: ${length} bytes are wanted here`);
    return Number(length);
  }

  text(length: number): string {
    return this.take(length).toString("utf8");
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) this.fail("it breaks off in a name");
    const text = this.text(end - this.#position);
    this.#position++;
    return text;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
    if (this.#waiting + this.#stack.length > this.limits.stack) {
      this.fail(`more than ${this.limits.stack} values are waiting on the stack`);
    }
  }

  /** Pushes a new container, counting how many there are and how deep they nest. */
  pushNested(value: PickleValue & object, children: readonly PickleValue[]): void {
    if (++this.#containers > this.limits.containers) {
      this.fail(`it makes more than ${this.limits.containers} lists, dictionaries and objects`);
    }
    if (children.length > 0) this.nest(value, children);
    this.push(value);
  }

  /** Notes that a call looks at so many elements of its arguments. */
  spend(elements: number): void {
    this.#arguments += elements;
    if (this.#arguments > this.limits.arguments) {
      this.fail(`its calls have arguments of more than ${this.limits.arguments} elements together`);
    }
  }

  /** Notes that `container` holds `children` now. */
  nest(container: object, children: readonly PickleValue[]): void {
    let depth = this.#depths.get(container) ?? 1;
    for (const child of children) {
      if (typeof child === "object" && child !== null) depth = Math.max(depth, 1 + (this.#depths.get(child) ?? 0));
    }
    if (depth > this.limits.depth) this.fail(`values are nested more than ${this.limits.depth} deep`);
    this.#depths.set(container, depth);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) this.fail("it takes a value from an empty stack");
    return value;
  }

  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) this.fail("it takes a value from an empty stack");
    return value;
  }

  mark(): void {
    if (this.#below.length >= this.limits.depth) this.fail(`more than ${this.limits.depth} marks are open`);
    this.#below.push(this.#stack);
    this.#waiting += this.#stack.length;
    this.#stack = [];
  }

  /** All values since the last mark. */
  popMark(): PickleValue[] {
    const below = this.#below.pop();
    if (below === undefined) this.fail("it looks for a mark that was never set");
    const values = this.#stack;
    this.#waiting -= below.length;
    this.#stack = below;
    return values;
  }

  /** POP takes a mark where nothing lies above it. */
  drop(): void {
    if (this.#stack.length > 0) this.#stack.pop();
    else this.popMark();
  }

  memorise(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoriseNext(): void {
    this.memorise(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.fail(`it refers to value ${index}, which was never stored`);
    this.push(value);
  }
}
