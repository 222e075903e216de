import { describe, expect, it } from "vitest";
import { modelCard, type FixedSizes, type ModelCardOptions } from "./model-card.js";
import { METADATA } from "./testing/tiny-onnx.js";

const OPEN: FixedSizes = { height: undefined, width: undefined, rows: undefined };

function card(changes: Record<string, string> = {}, options: ModelCardOptions = {}, fixed: Partial<FixedSizes> = {}) {
  return modelCard(new Map(Object.entries({ ...METADATA, ...changes })), options, { ...OPEN, ...fixed }, "m.onnx");
}

describe("modelCard", () => {
  it("takes everything from the file", () => {
    expect(card()).toEqual({
      task: "detect",
      names: ["blue", "not blue"],
      strides: [8],
      imageHeight: 160,
      imageWidth: 160,
      letterbox: { pad: 114, scaleUp: true, kernel: "auto" },
      confidence: 0.5,
      iou: 0.45,
      model: "tiny",
      date: "2024-05-01",
      author: "a test",
      license: "MIT",
    });
  });

  it("lets options win", () => {
    const options = { names: ["x"], imageSize: [64, 96], letterbox: { pad: 0 }, confidence: 0.1, iou: 0.9 } as const;
    expect(card({}, options)).toMatchObject({
      names: ["x"],
      imageHeight: 64,
      imageWidth: 96,
      letterbox: { pad: 0, scaleUp: true },
      confidence: 0.1,
      iou: 0.9,
    });
  });

  it("describes a file of another exporter by options and the published defaults", () => {
    const foreign = new Map([["names", "{0: 'cat'}"]]);
    expect(modelCard(foreign, { names: ["cat"] }, OPEN, "m.onnx")).toMatchObject({
      names: ["cat"],
      strides: [8, 16, 32],
      imageHeight: 640,
      imageWidth: 640,
      confidence: 0.25,
      iou: 0.45,
    });
    expect(() => modelCard(foreign, {}, OPEN, "m.onnx")).toThrow("m.onnx carries no description");
  });

  it("reads names in the order of their numbers and refuses gaps", () => {
    const names = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [String(11 - i), `c${11 - i}`]));
    expect(card({ names: JSON.stringify(names) }).names[10]).toBe("c10");
    expect(() => card({ names: '{"0":"a","2":"b"}' })).toThrow('m.onnx: metadata "names" is not a JSON object');
    expect(() => card({ names: '["a"]' })).toThrow('metadata "names"');
    expect(() => card({ names: "{0: 'a'}" })).toThrow('metadata "names"');
  });

  it("names malformed values", () => {
    expect(() => card({ confidence: "half" })).toThrow(
      'm.onnx: metadata "confidence" is not a number from 0 to 1: half',
    );
    expect(() => card({ stride: "[8,-16]" })).toThrow('metadata "stride" is not a JSON array of positive numbers');
    expect(() => card({ letterbox: '{"pad":"grey"}' })).toThrow('metadata "letterbox"');
  });

  it("refuses sizes and numbers that would exhaust memory or mean nothing", () => {
    expect(() => card({ imgsz: "[800000,800000]" })).toThrow("m.onnx: imageHeight 800000 is more than the 8192 pixels");
    expect(() => card({}, {}, { height: 160, width: 800_000 })).toThrow("imageWidth 800000 is more than");
    expect(() => card({ stride: "[1000000]" })).toThrow('"stride" is not a JSON array of whole numbers up to 1024');
    expect(() => card({ stride: JSON.stringify(Array(1000).fill(8)) })).toThrow('metadata "stride"');
    expect(() => card({ confidence: "1e300" })).toThrow('"confidence" is not a number from 0 to 1: 1e300');
    expect(() => card({ iou: "-1" })).toThrow('"iou" is not a number from 0 to 1');
    expect(() => card({ letterbox: '{"pad":1e9}' })).toThrow('metadata "letterbox"');
    expect(() => card({ suppression: '{"confidence":0.1,"iou":0.4,"maxDetections":1e99,"multiLabel":false}' })).toThrow(
      'metadata "suppression"',
    );
    expect(() => card({ names: `{${Array.from({ length: 50_001 }, (_, i) => `"${i}":""`).join()}}` })).toThrow(
      '"names" is not at most 50000 class names',
    );
  });

  it("holds file, graph and options against each other", () => {
    expect(() => card({}, {}, { rows: 7 })).toThrow("m.onnx: 2 class names, but the graph predicts 3 classes");
    expect(card({}, {}, { height: 320, width: 256 })).toMatchObject({ imageHeight: 320, imageWidth: 256 });
    expect(() => card({}, { imageSize: 640 }, { height: 320, width: 320 })).toThrow(
      "exported for height 320 only, not 640",
    );
    expect(() => card({}, { imageSize: 100 })).toThrow("imageHeight 100 is not a multiple of the stride 8; 104 is");
  });

  it("refuses a newer format and another task", () => {
    expect(() => card({ "yolov9.format": "2" })).toThrow("metadata of format 2, but only 1 is known");
    expect(() => card({ task: "segment" })).toThrow('a model for the task "segment"');
  });
});
