import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expandSources } from "./sources.js";

describe("expandSources", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sources-"));
    mkdirSync(join(folder, "more"));
    for (const file of ["b.jpg", "a.PNG", "notes.txt", "more/c.webp"]) writeFileSync(join(folder, file), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("takes pictures of folders and patterns in order and each file once", async () => {
    const [a, b, c] = ["a.PNG", "b.jpg", "more/c.webp"].map((file) => join(folder, file));
    expect(await expandSources([folder])).toEqual([a, b, c]);
    expect(await expandSources([b!, join(folder, "*.{jpg,PNG,txt}")])).toEqual([b, a]);
    expect(await expandSources([join(folder, "**/*.webp")])).toEqual([c]);
  });

  it("takes a file that is named outright whatever its extension", async () => {
    expect(await expandSources([join(folder, "notes.txt")])).toHaveLength(1);
  });

  it("names a source that gives nothing", async () => {
    await expect(expandSources([join(folder, "nowhere")])).rejects.toThrow("nowhere: no such file or folder");
    await expect(expandSources([join(folder, "*.gif")])).rejects.toThrow("no pictures match this pattern");
  });
});
