import { describe, expect, it } from "vitest";

import { lineDiff } from "./line-diff.js";

describe("a line diff", () => {
  it("shows dropped and rewritten lines with one line around them", () => {
    expect(lineDiff("a\nb\nc\nd\ne\nf\n", "a\nb\nd\ne\nF\n")).toBe(
      ["@@ -2 +2 @@", "  b", "- c", "  d", "  e", "- f", "+ F"].join("\n"),
    );
  });

  it("is as short as can be where blocks look alike", () => {
    const block = (name: string) => `<object>\n<name>${name}</name>\n<pose>none</pose>\n</object>\n`;
    const diff = lineDiff(block("a") + block("b") + block("c"), block("a") + block("c"));
    expect(diff.split("\n").filter((line) => line.startsWith("-")).length).toBe(4);
    expect(diff.split("\n").filter((line) => line.startsWith("+")).length).toBe(0);
  });

  it("cuts a JSON file in one line at its elements", () => {
    const json = (count: number) => JSON.stringify({ annotations: Array.from({ length: count }, (_, id) => ({ id, bbox: [1, 2, 3, 4] })) }); // prettier-ignore
    expect(lineDiff(json(60), json(59)).split("\n").length).toBeLessThan(8);
  });

  it("is empty for equal texts and gives up politely on entirely different ones", () => {
    expect(lineDiff("a\nb\n", "a\nb\n")).toBe("");
    const many = (word: string) => Array.from({ length: 2500 }, (_, i) => `${word}${i}`).join("\n");
    expect(lineDiff(many("a"), many("b")).split("\n").length).toBe(5001);
  }, 20_000);
});
