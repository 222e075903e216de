import fc from "fast-check";
import { Writer } from "protobufjs/minimal.js";
import { describe, expect, it } from "vitest";
import { readOnnxMetadata } from "./onnx-metadata.js";
import { METADATA, tinyOnnx } from "./testing/tiny-onnx.js";

describe("readOnnxMetadata", () => {
  const bytes = tinyOnnx();

  it("reads every key and value, whatever stands between them", () => {
    expect(Object.fromEntries(readOnnxMetadata(bytes))).toEqual(METADATA);
  });

  it("reads text beyond ASCII and empty values", () => {
    const metadata = { names: '{"0":"Größe","1":"細胞 🔬"}', note: "" };
    expect(Object.fromEntries(readOnnxMetadata(tinyOnnx({ metadata })))).toEqual(metadata);
  });

  it("reads a model that carries none as empty", () => {
    expect(readOnnxMetadata(tinyOnnx({ metadata: {} })).size).toBe(0);
  });

  it("says of other files that they are no ONNX model", () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d);
    for (const other of [png, new Uint8Array(), new TextEncoder().encode("<!doctype html><p>404")]) {
      expect(() => readOnnxMetadata(other, "model.onnx")).toThrow(/^model\.onnx is not an ONNX model, or only a part/);
    }
  });

  it("says of a protobuf message without a graph that it is no model", () => {
    const message = Writer.create().uint32(8).int64(8).finish();
    expect(() => readOnnxMetadata(message)).toThrow("it holds no graph");
  });

  it("never reads a cut-off file as the whole one", () => {
    for (let length = 0; length < bytes.length; length++) {
      let read: Map<string, string>;
      try {
        read = readOnnxMetadata(bytes.subarray(0, length));
      } catch (error) {
        expect(String(error)).toMatch(/not an ONNX model, or only a part of one/);
        continue;
      }
      // Cut exactly between two fields after the graph, which a protobuf reader cannot notice.
      expect(read.size).toBeLessThan(Object.keys(METADATA).length);
    }
  });

  it("survives any bytes with an answer or one clear error", () => {
    const damaged = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
      const copy = bytes.slice();
      copy[at] = value;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (input) => {
        try {
          expect(readOnnxMetadata(input)).toBeInstanceOf(Map);
        } catch (error) {
          expect(String(error)).toMatch(/^Error: model is not an ONNX model/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
