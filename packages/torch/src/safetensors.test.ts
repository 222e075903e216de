import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSafetensors, randn, readSafetensorsHeader, saveSafetensors, tensor } from "./index.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "safetensors-"))));
afterAll(() => rmSync(folder, { recursive: true }));

describe("safetensors", () => {
  it("gives back what was written, of every dtype and shape", () => {
    const path = join(folder, "all.safetensors");
    const written = new Map([
      ["byte", tensor([1, 2, 255], { dtype: "uint8" })], // makes what follows unaligned
      ["half", tensor([0.5, -2], { dtype: "bfloat16" })],
      ["matrix", randn([3, 4])],
      ["scalar", tensor(7, { dtype: "int64" })],
      ["empty", tensor([], { shape: [0, 3] })],
      ["double", tensor([Math.PI], { dtype: "float64" })],
    ]);
    saveSafetensors(path, written, { format: "test", note: "ü" });
    const { tensors, metadata } = loadSafetensors(path);
    expect(metadata).toEqual({ format: "test", note: "ü" });
    expect([...tensors.keys()]).toEqual([...written.keys()]);
    for (const [name, original] of written) {
      expect([tensors.get(name)!.dtype, tensors.get(name)!.shape]).toEqual([original.dtype, original.shape]);
      expect(tensors.get(name)!.toBytes()).toEqual(original.toBytes());
    }
    expect(readSafetensorsHeader(path).shapes.get("matrix")).toEqual([3, 4]);
    expect(readdirSync(folder)).toEqual(["all.safetensors"]); // no temporary file left
  });

  it("never changes the file through a loaded tensor", () => {
    const path = join(folder, "mapped.safetensors");
    saveSafetensors(path, [["a", tensor([1, 2])]]);
    const before = readFileSync(path);
    loadSafetensors(path).tensors.get("a")!.add_(1);
    expect(readFileSync(path)).toEqual(before);
  });

  it("refuses what is truncated, no JSON, or lies about its sizes", () => {
    const good = join(folder, "good.safetensors");
    saveSafetensors(good, [["a", randn([100])]]);
    const bytes = readFileSync(good);
    const refuses = (content: Uint8Array, reason: RegExp) => {
      const path = join(folder, "bad.safetensors");
      writeFileSync(path, content);
      expect(() => loadSafetensors(path)).toThrow(reason);
    };
    const withHeader = (header: unknown) => {
      const text = Buffer.from(JSON.stringify(header));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(text.length));
      return Buffer.concat([length, text, Buffer.alloc(16)]);
    };
    refuses(bytes.subarray(0, 4), /bad\.safetensors: not a safetensors file: it is shorter than 8 bytes/);
    refuses(bytes.subarray(0, 200), /tensor 'a' does not fit the file/);
    refuses(Buffer.alloc(64, 255), /its header would take/);
    refuses(withHeader([1]), /not a JSON object/);
    refuses(withHeader({ a: { dtype: "F99", shape: [1], data_offsets: [0, 4] } }), /unknown dtype 'F99'/);
    refuses(withHeader({ a: { dtype: "F32", shape: [-1], data_offsets: [0, 4] } }), /no valid shape/);
    refuses(withHeader({ a: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }), /does not fit/);
    refuses(withHeader({ a: { dtype: "F32", shape: [1e6], data_offsets: [0, 4e6] } }), /does not fit/);
  });
});
