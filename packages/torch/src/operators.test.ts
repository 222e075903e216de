import { describe, expect, it } from "vitest";
import type { Tensor } from "./index.js";
import { arange, callOperator, cat, conv2d, full, randn, tensor, where, zeros } from "./index.js";

describe("operators", () => {
  it("adds, multiplies and broadcasts", () => {
    const a = tensor([1, 2, 3, 4], { shape: [2, 2] });
    expect(a.add(1).mul(a).toList()).toEqual([
      [2, 6],
      [12, 20],
    ]);
    expect(a.add(tensor([10, 20]), { alpha: 2 }).toList()).toEqual([
      [21, 42],
      [23, 44],
    ]);
  });

  it("keeps integers integral and lets fractions promote", () => {
    const a = tensor([1, 2], { dtype: "int64" });
    expect(a.mul(2).dtype).toBe("int64");
    expect(a.mul(2.5).toList()).toEqual([2.5, 5]);
    expect(a.div(2, { rounding_mode: "floor" }).toList()).toEqual([0, 1]);
  });

  it("chooses the overload by the arguments", () => {
    const a = tensor([3, 1, 2, 5], { shape: [2, 2] });
    expect(a.max().item()).toBe(5);
    const [values, indices] = a.max(1);
    expect([values.toList(), indices.toList()]).toEqual([
      [3, 5],
      [0, 1],
    ]);
    expect(a.view([4]).shape).toEqual([4]);
    expect(a.view("int32").dtype).toBe("int32");
    expect(a.split(1, 1).map((part) => part.shape)).toEqual([
      [2, 1],
      [2, 1],
    ]);
    expect(a.split([2], 1)).toHaveLength(1);
  });

  it("computes a convolution that was done by hand", () => {
    const image = arange(9).to({ dtype: "float32" }).view([1, 1, 3, 3]);
    const kernel = tensor([1, 0, 0, -1], { shape: [1, 1, 2, 2] });
    expect(conv2d(image, kernel, tensor([0.5])).toList()).toEqual([
      [
        [
          [-3.5, -3.5],
          [-3.5, -3.5],
        ],
      ],
    ]);
    // one number stands for both dimensions of int[2]
    expect(conv2d(image, kernel, null, 2, 1).shape).toEqual([1, 1, 2, 2]);
  });

  it("takes lists of tensors, keyword options and dtypes by name", () => {
    const a = zeros([1, 2], { dtype: "float64" });
    expect(cat([a, a.add(1)], 0).toList()).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(full([2], 7, { dtype: "uint8" }).toArray()).toEqual(Uint8Array.of(7, 7));
    expect(where(a.eq(0), a.add(3), a).toList()).toEqual([[3, 3]]);
    expect(randn([2, 3, 4, 4]).to({ memoryFormat: "channels_last" }).isContiguous("channels_last")).toBe(true);
  });

  it("reaches operators that have no typed face", () => {
    expect((callOperator("aten::erf", "", [tensor([0])]) as Tensor).item()).toBe(0);
    expect(() => callOperator("aten::no_such_operator", "", [])).toThrow(/no_such_operator.*has no such operator/);
  });

  it("names the operator and the shapes when libtorch refuses", () => {
    expect(() => randn([2, 2]).matmul(randn([3, 3]))).toThrow(
      /aten::matmul: mat1 and mat2 shapes cannot be multiplied.*Tensor\[2, 2\] float32, Tensor\[3, 3\] float32/,
    );
    expect(() => conv2d(randn([1, 3, 8, 8]), randn([4, 2, 3, 3]))).toThrow(
      /aten::conv2d.*\[1, 3, 8, 8\].*\[4, 2, 3, 3\]/s,
    );
    expect(() => zeros([2], { dtype: "float7" as "float32" })).toThrow(/unknown dtype 'float7'/);
    expect(() => callOperator("aten::relu", "", [1, 2])).toThrow(/takes 1 arguments, got 2/);
  });

  it("brings every dtype in and out", () => {
    const values = Float32Array.of(0, 1, -2.5, 100);
    for (const dtype of ["float32", "float64", "float16", "bfloat16"] as const) {
      expect(Array.from(tensor(values, { dtype }).toArray(), Number)).toEqual([0, 1, -2.5, 100]);
    }
    for (const dtype of ["int64", "int32", "int16", "int8"] as const) {
      expect(Array.from(tensor(values, { dtype }).toArray(), Number)).toEqual([0, 1, -2, 100]);
    }
    expect(tensor(BigInt64Array.of(2n ** 60n)).toArray()).toEqual(BigInt64Array.of(2n ** 60n));
    expect(Array.from(tensor([1, 0, 3], { dtype: "bool" }).toArray(), Number)).toEqual([1, 0, 1]);
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow(/the shape takes 32 bytes, the array has 24/);
  });
});

describe("withArray", () => {
  it("shows a tensor's own memory, and nothing once it is over", () => {
    const a = tensor([1, 2, 3]);
    const kept = a.withArray((elements) => {
      expect(Array.from(elements, Number)).toEqual([1, 2, 3]);
      a.mul_(2);
      expect(Array.from(elements, Number)).toEqual([2, 4, 6]);
      return elements;
    });
    expect(kept.length).toBe(0);
    expect(a.toList()).toEqual([2, 4, 6]);
  });

  it("takes the memory back when the body fails, and lends it again", () => {
    const a = tensor([1, 2]);
    let kept: { readonly length: number } = [];
    const failing = (): void =>
      a.withArray((elements) => {
        kept = elements;
        throw new Error("not today");
      });
    expect(failing).toThrow("not today");
    expect(kept.length).toBe(0);
    for (let i = 0; i < 1000; i++) expect(a.withArray((elements) => elements.length)).toBe(2);
  });

  it("gives what toArray gives where the memory is not that", () => {
    const matrix = arange(6).view([2, 3]);
    for (const other of [
      matrix.transpose(0, 1),
      matrix.narrow(1, 1, 2),
      matrix.to({ dtype: "bfloat16" }),
      zeros([0]),
    ]) {
      expect(other.withArray((elements) => Array.from(elements, Number))).toEqual(Array.from(other.toArray(), Number));
    }
  });
});
