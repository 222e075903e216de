import { describe, expect, it } from "vitest";
import { labelText } from "./label-text.js";

const image = {
  path: "x.jpg",
  file: "x.jpg",
  width: 200,
  height: 100,
  boxes: [{ box: [20, 10, 60, 30], score: 1 / 3, classIndex: 2, className: "c" }],
  milliseconds: { preprocess: 0, inference: 0, nms: 0 },
} as const;

describe("labelText", () => {
  it("writes centre and size as fractions with six significant digits", () => {
    expect(labelText({ ...image, boxes: [...image.boxes] }, false)).toBe("2 0.2 0.2 0.2 0.2\n");
    expect(labelText({ ...image, boxes: [...image.boxes] }, true)).toBe("2 0.2 0.2 0.2 0.2 0.333333\n");
    expect(labelText({ ...image, boxes: [] }, true)).toBe("");
  });
});
