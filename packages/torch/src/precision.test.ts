import { expect, it } from "vitest";
import { cpuMultipliesBfloat16, resolvePrecision } from "./index.js";

it("takes bfloat16 by itself on a GPU and on a CPU that multiplies it, and otherwise what is wanted", () => {
  expect(resolvePrecision("auto", "cuda:0")).toBe("bfloat16");
  expect(resolvePrecision("auto", "cpu")).toBe(cpuMultipliesBfloat16() ? "bfloat16" : "float32");
  expect(resolvePrecision("float32", "cuda:0")).toBe("float32");
  expect(resolvePrecision("bfloat16", "cpu")).toBe("bfloat16");
});
