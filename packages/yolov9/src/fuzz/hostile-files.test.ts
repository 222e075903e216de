import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { instructions, uint32, type Picklable } from "../weights/pytorch/testing/pickle-writer.js";
import { tensorCall, torchFile } from "../weights/pytorch/testing/torch-writer.js";
import { measure } from "./fuzz.js";
import { checkpointSeed, modelFileSeed, onnxSeed, TINY_MODEL } from "./seed-model.js";

/**
 * A second of the processor and 300 MB over what the process has when it has read a good file. Both are measured in a process of its own;
 * the factor is for machines that share their processor.
 */
const MOST_SECONDS = 1;
const BUSY_MACHINE = 2;
const MOST_MEGABYTES = 300;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Case = readonly [name: string, input: string | Uint8Array, message: RegExp];

/** Every file must be refused with its message, quickly and without much memory. */
async function expectRefusals(parser: string, cases: readonly Case[]): Promise<void> {
  const files = cases.map(([, input], i) => {
    const path = join(folder, `${parser}-${i}`);
    writeFileSync(path, input);
    return path;
  });
  const measured = await measure(parser, files);
  for (const [i, [name, , message]] of cases.entries()) {
    const { message: said, seconds, megabytes } = measured[i]!;
    expect(said, name).toMatch(message);
    expect(said.length, name).toBeLessThan(5000);
    expect(seconds, name).toBeLessThan(BUSY_MACHINE * MOST_SECONDS);
    expect(megabytes, name).toBeLessThan(MOST_MEGABYTES);
  }
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from("X"), uint32(value.length), Buffer.from(value)]);

it("PyTorch files that multiply what they hold are refused", async () => {
  const program = (...parts: Parameters<typeof instructions>): Buffer => torchFile(instructions(...parts));
  const megabyte = "x".repeat(1_000_000);
  const hundredThousand = Buffer.concat([Buffer.from("]("), Buffer.alloc(90_000, "N"), Buffer.from("e")]);
  // A tensor at an odd place: the storage's entry begins wherever the pickle before it ends.
  const layout = { storage: "0", dtype: "float64", length: 2_000_000, shape: [1], strides: [1] } as const;
  const misaligned = new Map(
    Array.from({ length: 3000 }, (_, i): [string, Picklable] => [`a.${i}`, tensorCall(layout)]),
  );
  const storage = new Map([["0", new Uint8Array(16_000_000)]]);
  const odd = [0, 1].map((pad) => torchFile(new Map([...misaligned, ["pad", "y".repeat(pad)]]), storage));
  const modules = Buffer.concat([
    Buffer.from("cm\nM\n)\x81q\x01}", "latin1"),
    ...[text("_modules"), Buffer.from("}"), text(megabyte), Buffer.from("h\x01s")],
    Buffer.from("sb."),
  ]);
  await expectRefusals("pt", [
    ["nested tuples as keys", program("N", "q\0h\0\x86".repeat(60), "q\x000}h\0Ns."), /a dictionary of a key that is no text/],
    [
      "an OrderedDict from one list again and again",
      program("]", "(", "NN\x86".repeat(50_000), "eq\0", "ccollections\nOrderedDict\nh\0\x85R0".repeat(1000), "N."),
      /its calls have arguments of more than 1000000 elements/,
    ],
    ["a set from one list again and again", program(hundredThousand, "q\0", "cbuiltins\nset\nh\0\x85R0".repeat(1000), "N."), /arguments of more than/],
    ["empty dictionaries without end", program("}\x94".repeat(700_000), "."), /makes more than 500000 lists|more than 100000 values/],
    ["dictionaries that are kept", program("}\x940".repeat(600_000), "N."), /makes more than 500000 lists/],
    ["a class name of a megabyte", program("c", megabyte, "\nx\n."), /a name of a class has 1000001 characters/],
    ["a module name of a megabyte on many levels", torchFile(instructions(modules)), /the name of a module has 1000000 characters/],
    ["weights in weights in weights", program("}q\0(", text("model"), "h\0", text("ema"), "h\0", text("weights"), "h\0u."), /holds no weights/],
    ["a name of a storage of a megabyte", program("(", text("storage"), "ctorch\nFloatStorage\n", text(megabyte), text("cpu"), "K\x01tQ."), /name of a storage has 1000000/],
    ["more tensors than any model", torchFile(new Map(Array.from({ length: 20_001 }, (_, i): [string, Picklable] => [`a.${i}`, tensorCall({ ...layout, length: 1 })])), new Map([["0", new Uint8Array(8)]])), /has more than 20000 tensors/],
    // Read, not refused: the one storage is copied once, not 3000 times.
    ...odd.map((file): Case => ["thousands of tensors on a misaligned storage", file, /^$/]),
  ]); // prettier-ignore
});

it("safetensors that share bytes or have no map of texts are refused", async () => {
  const file = (header: unknown, data = 64): Buffer => {
    const bytes = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([length, bytes, Buffer.alloc(data)]);
  };
  const bytes = 8_000_000;
  const same = { dtype: "F64", shape: [bytes / 8], data_offsets: [1, bytes + 1] };
  const entry = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  await expectRefusals("safetensors", [
    ["overlapping, misaligned tensors", file(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`t${i}`, same])), bytes + 1), /tensor 't1' shares bytes with another one/],
    ["__metadata__ of null", file({ __metadata__: null }), /its __metadata__ is not a map of texts/],
    ["__metadata__ with objects that cannot be texts", file({ __metadata__: { a: { toString: 1 } } }), /not a map of texts/],
    ["a dtype that cannot be a text", file({ a: { ...entry, dtype: { toString: 1, valueOf: 1 } } }), /unknown dtype of type object/],
    ["a shape of a million sides", file({ a: { ...entry, shape: Array(1_000_000).fill(1) } }), /tensor 'a' has no valid shape/],
    ["more tensors than any model", file(Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`t${i}`, { ...entry, shape: [0], data_offsets: [0, 0] }]))), /has 20001 tensors/],
    ["a name of a megabyte", file({ ["x".repeat(1_000_000)]: entry }), /name of a tensor has 1000000 characters/],
    ["JSON of a hundred thousand levels", Buffer.concat([Buffer.from([0xa0, 0x86, 1, 0, 0, 0, 0, 0]), Buffer.alloc(100_000, "[")]), /not JSON/],
  ]); // prettier-ignore
});

/** A stored model with some things of its spec changed. */
const changed = (stored: string, change: (spec: Spec) => object): Buffer => {
  const state = JSON.parse(stored) as { spec: Spec };
  return Buffer.from(JSON.stringify({ ...state, spec: change(state.spec) }));
};
interface Spec {
  readonly backbone: readonly object[];
}

/** A GELAN in a GELAN in a GELAN … */
const nested = (levels: number, depth: number): object =>
  Array.from({ length: levels }).reduce<object>(
    (inner) => ({ block: "GELAN", hidden: [8, 8], elanDepth: depth, inner }),
    { block: "RepCSP" },
  );
const repeated = (levels: number): object =>
  Array.from({ length: levels }).reduce<object>((of) => ({ block: "Repeat", times: 100, of }), {
    block: "Conv",
    out: 8,
  });

const withFirst = (options: object) => (spec: Spec) => ({
  ...spec,
  backbone: [{ name: "a", from: ["image"], ...options }, ...spec.backbone.slice(1)],
});
const gelan = { block: "GELAN", out: 8, hidden: [8, 8] };

const SPECS: readonly (readonly [name: string, change: (spec: Spec) => object, message: RegExp])[] = [
  ["10⁹ classes", (spec) => ({ ...spec, classCount: 1e9 }), /classCount: is 1000000000, but may be at most 50000/],
  ["10⁹ bins", (spec) => ({ ...spec, regMax: 1e9 }), /regMax: is 1000000000, but may be at most 256/],
  ["10⁹ channels", withFirst({ block: "Conv", out: 1e9, stride: 8 }), /row "a": Conv: option "out": is 1000000000, but may be at most 16384/],
  ["a kernel of 10⁹", withFirst({ block: "Conv", out: 8, kernel: 1e9 }), /option "kernel": is 1000000000, but may be at most 127/],
  ["a depth of 10⁹", withFirst({ ...gelan, elanDepth: 1e9 }), /option "elanDepth": is 1000000000, but may be at most 100/],
  ["billions of parameters", withFirst({ block: "Conv", out: 16_384, kernel: 127, stride: 8 }), /row "a": up to here the model has \d+ parameters, more than 300000000/],
  ["a hundred blocks in a hundred blocks in …", withFirst(repeated(4)), /row "a": up to here the model has more than 10000 blocks/],
  ["blocks in each other a hundred thousand deep", withFirst({ ...gelan, inner: nested(2000, 1) }), /row "a": blocks lie in each other more than 8 deep/],
  ["GELANs in each other that multiply", withFirst({ ...gelan, elanDepth: 100, inner: nested(5, 100) }), /up to here the model has more than 10000 blocks/],
  ["a stride beyond all pictures", withFirst({ block: "Repeat", times: 10, of: { block: "Conv", out: 8, stride: 64 } }), /its output has stride 1\d+, but may have at most 1024/],
  // 200 million parameters are allowed, but the file has no such tensors.
  ["weights that are not there", withFirst({ block: "Conv", out: 8192, kernel: 90, stride: 8 }), /the weights do not fit the model/],
  ["another file", () => ({ extends: "/etc/shadow" }), /its model extends another file; a stored model is complete/],
]; // prettier-ignore

it.each([
  ["checkpoint", checkpointSeed],
  ["model-file", modelFileSeed],
])("numbers in the model that a %s stores are held against limits before memory is taken", async (parser, seed) => {
  const made = seed();
  const stored = "state" in made ? made.state : made.stored;
  await expectRefusals(
    parser,
    SPECS.map(([name, change, message]): Case => [name, made.wrap(changed(stored, change)), message]),
  );
});

it("model files are held against the same limits, with file and line", async () => {
  const first = "{ name: a, from: image, block: Conv, out: 8, kernel: 3, stride: 8 }";
  const row = (options: string): string => TINY_MODEL.replace(first, `{ name: a, from: image, ${options} }`);
  expect(row("")).not.toBe(TINY_MODEL);
  const nestedText = JSON.stringify(nested(2000, 1));
  const bomb = `a: &a [${"x,".repeat(9)}]\n${Array.from("bcdefghij", (name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[i]!}`).join()}]`).join("\n")}\n`;
  await expectRefusals("model-yaml", [
    ["channels", row("block: Conv, out: 1000000000"), /input\.yaml:4: row "a": Conv: option "out": is 1000000000, but may be at most 16384/],
    ["depth", row("block: GELAN, out: 8, hidden: [8, 8], cspDepth: 1000000000"), /input\.yaml:4: row "a": GELAN: option "cspDepth": is 1000000000/],
    ["inner blocks", row(`block: GELAN, out: 8, hidden: [8, 8], inner: ${nestedText}`), /input\.yaml:4: lists and maps lie in each other more than 100 deep/],
    ["brackets that kill the parser", `backbone: ${"[".repeat(3000)}${"]".repeat(3000)}`, /input\.yaml:1: lists and maps lie in each other/],
    ["dashes that kill the parser", "- ".repeat(100_000), /input\.yaml:1: lists and maps lie in each other/],
    ["an alias bomb", bomb, /input\.yaml: .*(Excessive alias count|values)/],
    ["an alias of nothing", "backbone: *nothing\n", /input\.yaml:1: \*nothing names no earlier &anchor/],
    ["two megabytes", `name: ${"x".repeat(2 ** 21)}`, /input\.yaml: has \d+ characters; at most 1048576/],
  ]); // prettier-ignore
});

it("YAML files of configurations and data sets are refused in the same way", async () => {
  const cases: readonly Case[] = [
    ["an alias bomb", `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${Array(9).fill("*a").join()}]\nc: &c [${Array(9).fill("*b").join()}]\nd: [${Array(9).fill("*c").join()}]\n`, /yaml: .*(Excessive alias count|values)/],
    ["an alias of nothing", "data: *d\n", /yaml:1: \*d names no earlier &anchor/],
    ["deep lists", "[".repeat(100_000), /yaml:1: lists and maps lie in each other/],
  ]; // prettier-ignore
  await expectRefusals("config-yaml", cases);
  await expectRefusals("dataset-yaml", cases);
});

it("outlines with edges of 10⁹ pixels take no time, and millions of crossings are refused", async () => {
  const image = { id: 1, width: 640, height: 480 };
  const file = (segmentation: unknown, size = image): string =>
    JSON.stringify({
      images: [size],
      annotations: [{ id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 1, 1], area: 1, segmentation }],
    });
  const edges = Array.from({ length: 2000 }, (_, i) => (i % 3 === 0 ? 1e9 : i % 2 === 0 ? -1e9 : 7));
  const zigzag = Array.from({ length: 100_000 }, (_, i) => (i % 4 < 2 ? -1e9 : 1e9));
  await expectRefusals("coco-gt", [
    // Boxes and outlines are compared; points come after them.
    ["edges of 10⁹ pixels", file([edges]), /annotation 1 of image 1 has no keypoints$/],
    ["a million edges across the picture", file([zigzag]), /annotation 1 of image 1: its polygons cross the columns of the picture more than 2000000 times/],
    ["many small outlines", file(Array(20_000).fill([-1e9, 0, 1e9, 1, 1e9, 400])), /more than 2000000 times/],
    ["a picture of 10⁹ pixels a side", file([[0, 0, 1e9, 1, 1e9, 1e9]], { ...image, width: 1e9, height: 1e9 }), /mask of 1000000000 x 1000000000 has .* at most 4294967295/],
    ["run lengths of such", file({ size: [1e9, 1e9], counts: [1e18] }), /gt\.json: annotations\[0\]/],
  ]); // prettier-ignore
});

it("metadata of ONNX files is held against limits", async () => {
  const { lines, wrap } = onnxSeed();
  const put = (key: string, value: string): Buffer =>
    wrap(Buffer.from(lines.replace(new RegExp(`^${key}=.*$`, "m"), `${key}=${value}`)));
  await expectRefusals("onnx-card", [
    ["an input of 800000 pixels", put("imgsz", "[800000,800000]"), /input\.onnx: imageHeight 800000 is more than the 8192 pixels/],
    ["strides", put("stride", "[1e300]"), /metadata "stride" is not/],
    ["names of null", put("names", "null"), /metadata "names" is not/],
    ["a letterbox of null", put("letterbox", "null"), /^$/],
    ["a confidence of NaN", put("confidence", "NaN"), /metadata "confidence" is not a number from 0 to 1/],
  ]); // prettier-ignore
});

it("labels and data sets that ask for more than they hold are refused", async () => {
  const points = Array.from({ length: 300_000 }, () => "0.5").join(" ");
  await expectRefusals("yolo-nameless", [
    ["a class of two billion", "2147483647 0.5 0.5 0.1 0.1\n", /^$/],
    ["an outline of 150000 points", `0 ${points}\n`, /^$/],
  ]);
  const keypoints = Array.from({ length: 50_000 }, (_, i) => `p${i}`);
  await expectRefusals("coco", [
    ["room for 50000 points in every object", JSON.stringify({ images: [{ id: 1, file_name: "good.jpg" }], annotations: Array(5000).fill({ image_id: 1, category_id: 1, bbox: [1, 1, 2, 2], keypoints: [1, 1, 1] }), categories: [{ id: 1, name: "x", keypoints }] }), /not a COCO file: categories\.0\.keypoints is a list, but must be a list of at most 1000 entries/],
    ["a megabyte of blanks before a mistake", `{"images":[{"id":1,"file_name":"good.jpg"}],\n"annotations":[${" ".repeat(1_000_000)}5],"categories":[{"id":1,"name":"x"}]}`, /^$/],
  ]); // prettier-ignore
  await expectRefusals("csv", [
    ["10⁵ unknown classes", `image,class,x1,y1,x2,y2\n${Array.from({ length: 40_000 }, (_, i) => `images/a.jpg,c${i},1,1,9,9`).join("\n")}`, /^$/],
  ]); // prettier-ignore
  await expectRefusals("voc", [
    ["a megabyte of blanks", `<annotation>${" ".repeat(1_000_000)}</annotation>`, /^$/],
    ["elements in each other", `<annotation>${"<a>".repeat(50_000)}${"</a>".repeat(50_000)}</annotation>`, /^$|unusable|no usable/],
  ]); // prettier-ignore
});
