import { describe, expect, it } from "vitest";

import { alikeText, groupAlike, problemLines } from "./alike-problems.js";
import type { Problem } from "./sample.js";

const unknown = (file: number): Problem => ({
  file: `labels/${file}.txt`,
  line: (file % 7) + 1,
  kind: "class-unknown",
  reason: `class ${file} but the dataset names 3 classes (0..2); row skipped`,
});
const missing = (file: number): Problem => ({
  file: `images/${file}.jpg`,
  kind: "image-missing",
  reason: "no such file; image skipped",
});

describe("problems that say the same", () => {
  it("are one group though numbers, paths and names in them differ", () => {
    const named = ["cat", "dog"].map((name) => ({ file: "a.xml", reason: `unknown class "${name}"; object skipped` }));
    const paths = ["a/b c.txt", "d/e.txt"].map((path) => ({ file: path, reason: `no label file labels/${path}` }));
    const groups = groupAlike([unknown(9), missing(1), ...named, unknown(12), ...paths]);
    expect(groups.map(({ length }) => length)).toEqual([2, 1, 2, 1, 1]);
    expect(groups[0]).toEqual([unknown(9), unknown(12)]);
  });

  it("are different groups where kinds or words differ", () => {
    const other = { ...missing(1), reason: "permission denied; image skipped" };
    expect(groupAlike([missing(1), other, { ...missing(2), kind: "image-unreadable" as const }])).toHaveLength(3);
  });

  it("are told in one line with an example and their number", () => {
    expect(alikeText([missing(1)])).toBe("images/1.jpg: no such file; image skipped");
    const thousand = Array.from({ length: 1001 }, (_, file) => unknown(file));
    expect(problemLines([missing(1), ...thousand], "look there")).toEqual([
      "labels/0.txt:1: class 0 but the dataset names 3 classes (0..2); row skipped (and 1,000 more like it)",
      "images/1.jpg: no such file; image skipped",
      "all 1,002 problems: look there",
    ]);
  });

  it("end with where to read the rest only when there is a rest", () => {
    expect(problemLines([], "look there")).toEqual([]);
    expect(problemLines([missing(1), unknown(2)], "look there")).toHaveLength(2);
    const kinds = Array.from({ length: 12 }, (_, i) => ({ file: "f", reason: "ab".repeat(i + 1) }));
    const lines = problemLines(kinds, "look there");
    expect(lines.slice(-2)).toEqual(["and 2 problems of other kinds", "all 12 problems: look there"]);
    expect(lines).toHaveLength(12);
  });
});
