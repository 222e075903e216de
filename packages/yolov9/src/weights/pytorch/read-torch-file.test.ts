import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensor, type Tensor } from "@yolov9/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTorchFile } from "./read-torch-file.js";
import { Call, Global, Instance, pickled, Tuple, type Picklable } from "./testing/pickle-writer.js";
import { StorageWriter, stateDictionary, tensorCall, torchFile, type TensorLayout } from "./testing/torch-writer.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "torch-file-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function read(bytes: Uint8Array) {
  const path = join(folder, "file.pt");
  writeFileSync(path, bytes);
  return readTorchFile(path);
}

/** The only tensor of a state dictionary with one. */
async function readOne(layout: Omit<TensorLayout, "storage">, data: Uint8Array): Promise<Tensor> {
  const state = new Map([["a.weight", tensorCall({ storage: "0", ...layout })]]);
  const { tensors } = await read(torchFile(state, new Map([["0", data]])));
  return tensors.get("a.weight")!;
}

describe("tensors in a PyTorch file", () => {
  const values = Float32Array.from({ length: 12 }, (_, i) => i + 0.5);
  const bytes = new Uint8Array(values.buffer);

  it("are windows on storages with offset and strides of their own", async () => {
    const transposed = await readOne({ dtype: "float32", length: 12, shape: [4, 3], strides: [1, 4] }, bytes);
    expect(transposed.toList()).toEqual([
      [0.5, 4.5, 8.5],
      [1.5, 5.5, 9.5],
      [2.5, 6.5, 10.5],
      [3.5, 7.5, 11.5],
    ]);
    const part = await readOne({ dtype: "float32", length: 12, offset: 5, shape: [2, 2], strides: [4, 2] }, bytes);
    expect(part.toList()).toEqual([
      [5.5, 7.5],
      [9.5, 11.5],
    ]);
  });

  it("may share a storage, and may be empty or single numbers", async () => {
    const layout = { storage: "0", dtype: "float32", length: 12 } as const;
    const state = new Map([
      ["a.first", tensorCall({ ...layout, shape: [2], strides: [1] })],
      ["a.second", tensorCall({ ...layout, offset: 1, shape: [2], strides: [1] })],
      ["a.empty", tensorCall({ ...layout, offset: 12, shape: [0, 3], strides: [3, 1] })],
      ["a.scalar", tensorCall({ ...layout, offset: 11, shape: [], strides: [] })],
    ]);
    const { tensors } = await read(torchFile(state, new Map([["0", bytes]])));
    expect([...tensors].map(([name, t]) => [name, t.toList()])).toEqual([
      ["a.first", [0.5, 1.5]],
      ["a.second", [1.5, 2.5]],
      ["a.empty", []],
      ["a.scalar", 11.5],
    ]);
  });

  it.each([
    ["float16", Buffer.from([0x00, 0x3e, 0x00, 0xc1]), [1.5, -2.5]],
    ["bfloat16", Buffer.from([0xc0, 0x3f, 0x20, 0xc0]), [1.5, -2.5]],
    ["float64", Buffer.from(Float64Array.of(1.5, -2.5).buffer), [1.5, -2.5]],
    ["int64", Buffer.from(BigInt64Array.of(7n, -9n).buffer), [7, -9]],
    ["int16", Buffer.from(Int16Array.of(7, -9).buffer), [7, -9]],
    ["uint8", Buffer.from([7, 250]), [7, 250]],
    ["bool", Buffer.from([1, 0]), [1, 0]],
  ] as const)("keep their element type %s, wherever they lie in the file", async (dtype, data, expected) => {
    const read = await readOne({ dtype, length: 2, shape: [2], strides: [1] }, data);
    expect(read.dtype).toBe(dtype);
    expect(read.toList()).toEqual(expected);
  });

  it("larger than their storage are refused, also when they repeat one element", async () => {
    const claims = { dtype: "float32", length: 12, strides: [4, 1] } as const;
    await expect(readOne({ ...claims, shape: [3, 5] }, bytes)).rejects.toThrow(
      'a tensor of shape [3, 5] at offset 0 is larger than its storage "0" of 12 elements',
    );
    await expect(readOne({ ...claims, shape: [1000, 1000], strides: [0, 0] }, bytes)).rejects.toThrow("is larger");
    await expect(readOne({ ...claims, shape: [2 ** 40, 2 ** 40], strides: [1, 1] }, bytes)).rejects.toThrow("larger");
    await expect(readOne({ ...claims, length: 13, shape: [13], strides: [1] }, bytes)).rejects.toThrow(
      '"a.weight" lies in storage "0" of 52 bytes, but the file has 48 of them',
    );
    await expect(readOne({ ...claims, shape: [3], strides: [-1] }, bytes)).rejects.toThrow("something else than");
  });
});

describe("weights in a checkpoint", () => {
  const state = (value: number, writer: StorageWriter) =>
    stateDictionary(new Map([["model.0.weight", tensor([value])]]), writer);
  const weight = ({ tensors }: { tensors: ReadonlyMap<string, Tensor> }) => tensors.get("model.0.weight")!.toList();

  it("are the moving average where there is one", async () => {
    const writer = new StorageWriter();
    const averaged = new Map<string, Picklable>([
      ["epoch", 3],
      ["model", state(1, writer)],
      ["ema", state(2, writer)],
    ]);
    const found = await read(torchFile(averaged, writer.storages));
    expect([found.part, weight(found)]).toEqual(["ema", [2]]);
    const stripped = await read(torchFile(new Map([...averaged, ["ema", null]]), writer.storages));
    expect([stripped.part, weight(stripped)]).toEqual(["model", [1]]);
  });

  it("may be wrapped by training programs", async () => {
    const writer = new StorageWriter();
    const wrapper = new Instance(new Global("utils.torch_utils", "ModelEMA"), new Map([["module", state(5, writer)]]));
    const found = await read(torchFile(new Map<string, Picklable>([["ema", wrapper]]), writer.storages));
    expect([found.part, weight(found)]).toEqual(["ema.module", [5]]);
  });

  it("come with class names by number and the size of the training images", async () => {
    const writer = new StorageWriter();
    const names = new Map<Picklable, Picklable>([
      [1, "dog"],
      [0, "cat"],
    ]);
    const root = new Map<string, Picklable>([
      ["model", state(1, writer)],
      ["names", names],
      ["train_args", new Map([["imgsz", 416]])],
    ]);
    const { names: read_, imageSize } = await read(torchFile(root, writer.storages));
    expect([read_, imageSize]).toEqual([["cat", "dog"], 416]);
  });

  it("are missed with the name of what was found instead", async () => {
    await expect(read(torchFile(new Map([["epoch", 3]])))).rejects.toThrow(
      "holds no weights, but a dictionary of epoch",
    );
    await expect(read(torchFile(new Tuple(1, 2)))).rejects.toThrow("holds no weights, but a list of 2 values");
  });

  it("are read beside objects and calls that nobody makes", async () => {
    const writer = new StorageWriter();
    const marker = join(folder, "was-executed");
    const root = new Map<string, Picklable>([
      ["date", new Call(new Global("posix", "system"), `touch ${marker}`)],
      ["opt", new Instance(new Global("argparse", "Namespace"), new Map([["imgsz", 320]]))],
      ["best_fitness", new Call(new Global("numpy.core.multiarray", "scalar"), "f8")],
      ["model", state(4, writer)],
    ]);
    const found = await read(torchFile(pickled(root), writer.storages));
    expect([weight(found), found.imageSize]).toEqual([[4], 320]);
  });
});
