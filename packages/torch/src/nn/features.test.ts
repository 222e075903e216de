import { describe, expect, it } from "vitest";
import {
  concatFeatures,
  enlarge,
  fanOut,
  flattenLevels,
  manualSeed,
  randn,
  scope,
  smooth,
  tensor,
  unitImages,
  withPlainKernels,
  type DType,
  type Tensor,
} from "../index.js";

/** Outputs and input gradients, as numbers, by this package's kernels and by libtorch's separate operators. */
function bothWays(shapes: readonly number[][], dtype: DType, body: (inputs: Tensor[]) => Tensor): [number[], number[]] {
  manualSeed(5);
  const inputs = shapes.map((shape) => randn(shape, { dtype }).keep());
  const run = () =>
    scope(() => {
      const leaves = inputs.map((input) => input.clone());
      leaves.forEach((leaf) => (leaf.requiresGrad = true));
      const output = body(leaves);
      manualSeed(6);
      output.backward(randn(output.shape, { dtype }));
      return [output, ...leaves.map((leaf) => leaf.grad!)].flatMap((tensor) => Array.from(tensor.toArray(), Number));
    });
  const results: [number[], number[]] = [run(), withPlainKernels(run)];
  inputs.forEach((input) => input.dispose());
  return results;
}

const cases: { name: string; shapes: number[][]; body: (inputs: Tensor[]) => Tensor }[] = [
  { name: "smooth", shapes: [[2, 5, 7, 6]], body: ([x]) => smooth(x!) },
  { name: "smooth of a slice of channels", shapes: [[2, 20, 5, 4]], body: ([x]) => smooth(x!.chunk(2, 1)[1]!) },
  { name: "enlarge", shapes: [[2, 19, 3, 4]], body: ([x]) => enlarge(x!) },
  {
    name: "concatFeatures",
    shapes: [
      [2, 3, 4, 5],
      [2, 16, 4, 5],
      [2, 1, 4, 5],
    ],
    body: (inputs) => concatFeatures(inputs).square(),
  },
  {
    name: "fanOut with five uses of different layouts",
    shapes: [[2, 6, 4, 3]],
    body: ([x]) => {
      const [a, b, c, d, e] = fanOut(x!, 5);
      return concatFeatures([
        a!.mul(2),
        concatFeatures([b!, c!.square()]).square(),
        d!.exp(),
        smooth(enlarge(e!)).narrow(2, 0, 4).narrow(3, 0, 3),
      ]);
    },
  },
  {
    name: "fanOut with a use that nothing depends on",
    shapes: [[2, 6, 4, 3]],
    body: ([x]) => fanOut(x!, 2)[0].square(),
  },
];

cases.push({
  name: "flattenLevels",
  shapes: [
    [2, 7, 3, 4],
    [2, 7, 2, 2],
  ],
  body: (levels) => {
    const [boxes, , quality] = flattenLevels(levels, [4, 2, 1], 2).parts;
    return boxes!.square().mul(quality!);
  },
});

describe.each(cases)("$name", ({ shapes, body }) => {
  it.each(["float64", "float32", "bfloat16"] as const)(
    "equals libtorch's operators in %s, forward and backward",
    (dtype) => {
      const [own, plain] = bothWays(shapes, dtype, body);
      expect(own.length).toBe(plain.length);
      const tolerance = { float64: 1e-12, float32: 1e-5, bfloat16: 4e-2 }[dtype];
      own.forEach((value, i) =>
        expect(Math.abs(value - plain[i]!)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(plain[i]!))),
      );
    },
  );
});

describe("flattenLevels", () => {
  it.each([
    { bins: 4, dtype: "float32" },
    { bins: 16, dtype: "float32" },
    { bins: 16, dtype: "bfloat16" },
    { bins: 4, dtype: "float64" },
    { bins: 20, dtype: "float32" },
  ] as const)(
    "gives expectations of $bins bins beside the parts, in $dtype, also of large and equal logits",
    (size) => {
      const { bins, dtype } = size;
      manualSeed(9);
      const wide = randn([2, 4 * bins + 3, 9, 11]).mul(4);
      const levels = [
        wide,
        randn([2, 4 * bins + 3, 2, 3])
          .mul(0)
          .add(90),
      ].map((level) => {
        const leaf = level.to({ dtype, memoryFormat: "channels_last" }).detach();
        leaf.requiresGrad = true;
        return leaf;
      });
      const { parts, expected } = flattenLevels(levels, [4 * bins, 3], bins);
      const plain = withPlainKernels(() => flattenLevels(levels, [4 * bins, 3], bins));
      expect([expected.shape, expected.requiresGrad]).toEqual([[2, 105, 4], false]);
      expect(parts.map((part) => part.toArray())).toEqual(plain.parts.map((part) => part.toArray()));
      expect(expected.sub(plain.expected).abs().max().item()).toBeLessThan(2e-5);
      parts[0]!.sum().backward();
      expect(levels[0]!.grad!.sum().item()).toBeCloseTo(2 * 99 * 4 * bins, 0);
    },
  );

  it("refuses widths that are no distributions", () => {
    expect(() => flattenLevels([randn([1, 9, 2, 2])], [9], 4)).toThrow(
      /the first of widths must be a multiple of 4 bins, got 9/,
    );
  });
});

describe("unitImages", () => {
  it.each(["float32", "float64", "bfloat16"] as const)("turns bytes into numbers from 0 to 1 in %s", (dtype) => {
    const bytes = tensor(
      Uint8Array.from({ length: 2 * 3 * 5 * 7 }, (_, i) => (i * 37) % 256),
      { shape: [2, 3, 5, 7] },
    );
    const [own, plain] = [unitImages(bytes, dtype), withPlainKernels(() => unitImages(bytes, dtype))];
    expect(own.dtype).toBe(dtype);
    expect(own.isContiguous("channels_last")).toBe(true);
    expect(own.toList()).toEqual(plain.toList());
  });
});
