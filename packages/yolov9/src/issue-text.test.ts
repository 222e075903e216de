import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { openDataset } from "./data/index.js";
import { issueLines } from "./issue-text.js";

const schema = z.strictObject({
  names: z.array(z.string()).min(1),
  count: z.int().min(1).max(9),
  kind: z.enum(["a", "b"]),
  part: z.union([z.string(), z.array(z.string())]),
});

const linesOf = (value: unknown): string[] => issueLines(schema.safeParse(value).error!, value);

describe("what a schema found", () => {
  it("is said with key, value and what is allowed", () => {
    expect(linesOf({ names: [1], count: 12, kind: "c", part: 3, more: true })).toEqual([
      "names.0 is 1, but must be text",
      "count is 12, but must be at most 9",
      'kind is "c", but must be one of a, b',
      "part is 3, but must be text, or a list",
      "unknown key more",
    ]);
    expect(linesOf({ names: [], count: 1.5, kind: "a" })).toEqual([
      "names is a list, but must be a list of at least 1 entries",
      "count is 1.5, but must be a whole number",
      "part is missing; it must be text, or a list",
    ]);
    expect(linesOf("text")).toEqual(['it is "text", but must be keys and values']);
  });

  it("is told of a data set's description one a line, with the file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "issues-"));
    try {
      const file = join(folder, "data.yaml");
      writeFileSync(file, "nc: -2\nformat: pascal\ntrain: 5\n");
      await expect(openDataset(file)).rejects.toThrow(
        [
          `${file}: format is "pascal", but must be one of yolo, voc, coco, csv`,
          `${file}: train is 5, but must be text, or a list`,
          `${file}: nc is -2, but must be more than 0`,
        ].join("\n"),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
