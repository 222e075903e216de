import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TorchFileError } from "./pickle-values.js";
import { readTorchFile, type TorchFile } from "./read-torch-file.js";
import { Call, Global, Instance, instructions, pickled, uint32, type Picklable } from "./testing/pickle-writer.js";
import { tensorCall, torchFile } from "./testing/torch-writer.js";
import { zipArchive } from "./testing/zip-writer.js";

/** In microseconds of the processor, so that other programs do not count. */
const SECOND = 1_000_000;
const FLAT_BYTES = 60_000_000;
const NESTING = 1_000_000;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads bytes that must be refused, and measures what that takes. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const path = join(folder, "hostile.pt");
  writeFileSync(path, bytes);
  const memory = process.memoryUsage().rss;
  const start = process.cpuUsage();
  const error = await readTorchFile(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { user, system } = process.cpuUsage(start);
  expect(user + system).toBeLessThan(SECOND);
  expect(process.memoryUsage().rss - memory).toBeLessThan(FLAT_BYTES);
  expect(error).toBeInstanceOf(TorchFileError);
  const { message } = error as TorchFileError;
  expect(message.startsWith(`${path}: `)).toBe(true);
  return message.slice(path.length + 2);
}

/** A file whose pickle is made of these instructions. */
const program = (...parts: Parameters<typeof instructions>) => torchFile(instructions(...parts));

describe("a hostile pickle", () => {
  it("that calls os.system is refused, and nothing is called", async () => {
    const marker = join(folder, "was-executed");
    const call = new Call(new Global("posix", "system"), `touch ${marker}`);
    expect(await refusal(torchFile(call))).toBe(
      "it holds no weights, but what posix.system would make, and that is never called",
    );
    const evaluation = new Call(new Global("builtins", "eval"), `__import__("os").system("touch ${marker}")`);
    expect(await refusal(torchFile(new Map([["model", evaluation]])))).toContain("holds no weights");
    expect(existsSync(marker)).toBe(false);
  });

  it("of a million nested tuples is refused", async () => {
    expect(await refusal(program(")", Buffer.alloc(NESTING, 0x85), "."))).toContain("nested more than 200 deep");
    expect(await refusal(program(Buffer.alloc(NESTING, "("), Buffer.alloc(NESTING, "t"), "."))).toContain("200 marks");
    expect(await refusal(program(Buffer.alloc(NESTING, "]"), Buffer.alloc(NESTING, "a"), "."))).toContain(
      "more than 100000 values are waiting",
    );
  });

  it("with a million calls in each other is refused", async () => {
    // The callees wait on the stack; each call takes the one below and what the call before it gave.
    const calls = (count: number) => program("ca\nb\nq\0", "h\0".repeat(count - 1), "N", "\x85R".repeat(count), ".");
    expect(await refusal(calls(NESTING))).toContain("more than 100000 values are waiting");
    expect(await refusal(calls(1000))).toContain("nested more than 200 deep");
  });

  it("of more instructions than any model is refused", async () => {
    expect(await refusal(program(Buffer.alloc(2 * NESTING + 2, "N0"), "N."))).toContain(
      "more than 2000000 instructions",
    );
  });

  it("that holds itself is walked once and refused", async () => {
    const list = await refusal(program("]q\0h\0a."));
    expect(list).toContain("holds no weights, but a list");
    const state = program("}q\0X", uint32(5), "model", "h\0s.");
    expect(await refusal(state)).toContain("holds no weights");
  });

  it("of modules inside themselves is refused", async () => {
    // An object whose _modules hold the object itself, twice.
    const text = (value: string) => Buffer.concat([Buffer.from("X"), uint32(value.length), Buffer.from(value)]);
    const self = Buffer.from("h\0");
    const children = Buffer.concat([Buffer.from("}("), text("a"), self, text("b"), self, Buffer.from("u")]);
    const bytes = program("cm\nM\n)\x81q\0}", text("_modules"), children, "sb.");
    expect(await refusal(bytes)).toContain("its modules never end");
  });

  it("that doubles a value fifty times is refused or harmless, without copies", async () => {
    const doubled = Buffer.from("q\0h\0\x86".repeat(50), "latin1");
    expect(await refusal(program("N", doubled, "."))).toContain("holds no weights, but a list of 2 values");
  });

  it("with lengths beyond its end is refused before anything is made", async () => {
    const huge = uint32(0xffffffff);
    expect(await refusal(program("\x8b", huge, "."))).toContain("an integer of 4294967295 bytes");
    expect(await refusal(program("X", huge, "."))).toContain("breaks off: 4294967295 bytes are wanted");
    expect(await refusal(program("\x8e", Buffer.alloc(8, 0xff), "."))).toContain("breaks off");
  });

  it("that is nonsense is refused", async () => {
    expect(await refusal(program("h\x07."))).toContain("refers to value 7, which was never stored");
    expect(await refusal(program("j\xff\xff\xff\xff."))).toContain("refers to value 4294967295");
    expect(await refusal(program("t."))).toContain("a mark that was never set");
    expect(await refusal(program("R."))).toContain("an empty stack");
    expect(await refusal(program("}(NNNu."))).toContain("a key has no value");
    expect(await refusal(program("NNa."))).toContain("appends to something that is no list");
    expect(await refusal(program("N"))).toContain("breaks off");
    expect(await refusal(program("NN."))).toContain("values left over");
    expect(await refusal(program("N..."))).toContain("goes on after its end");
    expect(await refusal(program("I1\n."))).toContain("instruction 0x49");
    expect(await refusal(program("X", uint32(3), "xyzQ."))).toContain("no storage of a tensor");
  });

  it("with a tensor larger than its storage is refused", async () => {
    const layout = { storage: "0", dtype: "float32", length: 4 } as const;
    const file = (claim: Partial<Parameters<typeof tensorCall>[0]>) =>
      torchFile(
        new Map([["a.b", tensorCall({ ...layout, shape: [4], strides: [1], ...claim })]]),
        new Map([["0", new Uint8Array(16)]]),
      );
    expect(await refusal(file({ shape: [1 << 20, 1 << 20], strides: [1 << 20, 1] }))).toContain(
      "larger than its storage",
    );
    expect(await refusal(file({ shape: [1 << 30], strides: [0] }))).toContain("larger than its storage");
    expect(await refusal(file({ length: 1 << 30, shape: [1 << 30] }))).toContain("but the file has 16 of them");
    expect(await refusal(file({ storage: "../../etc/passwd" }))).toContain('"../../etc/passwd", which is missing');
  });
});

describe("a damaged file", () => {
  const layout = { storage: "0", dtype: "float32", length: 4, shape: [2, 2], strides: [2, 1] } as const;
  const norm = new Instance(
    new Global("torch.nn", "N"),
    new Map([["_parameters", new Map([["w", tensorCall(layout)]])]]),
  );
  const root = new Instance(
    new Global("models.yolo", "M"),
    new Map<string, Picklable>([
      ["names", ["a", "b"]],
      ["_modules", new Map([["n", norm]])],
    ]),
  );
  const whole = torchFile(root, new Map([["0", new Uint8Array(16)]]));

  it("is read or refused, whatever bytes of it are changed", async () => {
    const path = join(folder, "damaged.pt");
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [position, value] of changes) bytes[position] = value;
        writeFileSync(path, bytes);
        const result = await readTorchFile(path).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(TorchFileError);
        else for (const tensor of (result as TorchFile).tensors.values()) expect(tensor.numel).toBeLessThan(8);
      }),
      { numRuns: 200, seed: 9 },
    );
  });
});

describe("a hostile archive", () => {
  const pickle = pickled(new Map());

  it("that is a zip bomb is refused without unpacking", async () => {
    const bomb = deflateRawSync(Buffer.alloc(10_000_000));
    const entry = { name: "a/data/0", data: bomb, method: 8, unpackedSize: 4_000_000_000 };
    expect(await refusal(zipArchive([{ name: "a/data.pkl", data: pickle }, entry]))).toContain("is compressed");
    const packed = { name: "a/data.pkl", data: deflateRawSync(pickle), method: 8, unpackedSize: pickle.length };
    expect(await refusal(zipArchive([packed]))).toContain('"a/data.pkl" is compressed');
    const stored = { name: "a/data/0", data: new Uint8Array(8), unpackedSize: 4_000_000_000 };
    expect(await refusal(zipArchive([{ name: "a/data.pkl", data: pickle }, stored]))).toMatch(
      /size mismatch|compressed/,
    );
  });

  it("that is cut off anywhere is refused", async () => {
    const whole = torchFile(
      new Map([["a.b", tensorCall({ storage: "0", dtype: "uint8", length: 9, shape: [9], strides: [1] })]]),
    );
    for (const share of [0, 0.01, 0.3, 0.6, 0.9, 0.999]) {
      const cut = whole.subarray(0, Math.floor(whole.length * share));
      expect(await refusal(cut)).toMatch(/damaged or cut off|no PyTorch file/);
    }
  });

  it("with entries inside each other is refused", async () => {
    const first = { name: "a/data.pkl", data: pickle };
    const inside = { name: "a/data/0", data: new Uint8Array(2), claimedOffset: 0 };
    expect(await refusal(zipArchive([first, inside]))).toMatch(/its entry "a\/data.*" lies inside another one/);
  });

  it("with repeated, escaping or no entries is refused", async () => {
    const entry = { name: "a/data.pkl", data: pickle };
    expect(await refusal(zipArchive([entry, entry]))).toContain('two entries named "a/data.pkl"');
    expect(await refusal(zipArchive([entry, { name: "../../evil", data: pickle }]))).toContain("damaged");
    expect(await refusal(zipArchive([{ name: "/etc/evil", data: pickle }, entry]))).toContain("damaged");
    expect(await refusal(zipArchive([entry, { ...entry, name: "b/data.pkl" }]))).toContain("this one has 2");
    expect(await refusal(zipArchive([]))).toContain("this one has 0");
  });

  it("of another kind is named", async () => {
    expect(await refusal(Buffer.from("GIF89a"))).toContain("no PyTorch file");
    expect(await refusal(Buffer.from([0x80, 2, 0x8a, 0x0a, 0x6c]))).toContain("before version 1.6");
    expect(await refusal(torchFile(new Map(), new Map(), [{ name: "archive/code/x.py", data: pickle }]))).toContain(
      "TorchScript",
    );
    const big = [{ name: "archive/byteorder", data: Buffer.from("big") }];
    expect(await refusal(torchFile(new Map(), new Map(), big))).toContain('byte order is "big"');
  });
});
