import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DamagedFileError, loadSafetensors, randn, readSafetensorsHeader, saveSafetensors, tensor } from "./index.js";

let folder: string;
let path: string;
let bytes: Buffer;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "checksums-"));
  path = join(folder, "w.safetensors");
  const tensors = new Map([
    ["b3.conv.weight", randn([8, 4])],
    ["nothing", tensor([], { shape: [0] })],
    ["7", tensor([1, 2, 3])], // a number as a name, which JavaScript's objects put first
    ["b3.bias", tensor([1, 2, 3], { dtype: "uint8" })],
  ]);
  saveSafetensors(path, tensors, { "1": "one", format: "test" });
  bytes = readFileSync(path);
});
afterAll(() => rmSync(folder, { recursive: true }));

const headerEnd = () => 8 + Number(bytes.readBigUInt64LE());

function flipped(at: number): string {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 1;
  const file = join(folder, "flipped.safetensors");
  writeFileSync(file, copy);
  return file;
}

describe("checksums", () => {
  it("are no part of the metadata that a program reads, and of files without them nothing is asked", () => {
    expect(loadSafetensors(path)).toMatchObject({ metadata: { "1": "one", format: "test" }, checked: true });
    const head = Buffer.from(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`);
    const old = join(folder, "old.safetensors");
    writeFileSync(
      old,
      Buffer.concat([Buffer.from(BigUint64Array.of(BigInt(head.length)).buffer), head, Buffer.of(1, 2)]),
    );
    expect(loadSafetensors(old)).toMatchObject({ metadata: {}, checked: false });
  });

  it("name the tensor of which a byte has changed", () => {
    const weights = headerEnd() + 5;
    const damage = () => loadSafetensors(flipped(weights));
    expect(damage).toThrow(DamagedFileError);
    expect(damage).toThrow(/flipped\.safetensors: tensor b3\.conv\.weight is damaged/);
    expect(() => loadSafetensors(flipped(headerEnd() + 8 * 4 * 4))).toThrow(/tensor 7 is damaged/);
    expect(() => loadSafetensors(flipped(bytes.length - 1))).toThrow(/tensor b3\.bias is damaged/);
    expect(loadSafetensors(flipped(weights), (name) => name === "b3.bias").tensors.size).toBe(1);
  });

  it("find every changed byte of the header, or take the file for one without them", () => {
    const unnoticed = Array.from({ length: headerEnd() }, (_, at) => at).filter((at) => {
      try {
        return readSafetensorsHeader(flipped(at)).checked;
      } catch {
        return false;
      }
    });
    expect(unnoticed).toEqual([]);
  });

  it("leave truncated files to be refused", () => {
    const cut = join(folder, "cut.safetensors");
    for (const length of [4, 100, headerEnd(), bytes.length - 1]) {
      writeFileSync(cut, bytes.subarray(0, length));
      expect(() => loadSafetensors(cut)).toThrow(/cut\.safetensors/);
    }
  });
});
