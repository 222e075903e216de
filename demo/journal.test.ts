import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Journal } from "./journal.js";

const parent = mkdtempSync(join(tmpdir(), "yolov9-journal-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

/** Counts how often it was called. */
function counter() {
  let calls = 0;
  return () => Promise.resolve(++calls);
}

describe("the journal", () => {
  it("does a step once, in this process and in the next", async () => {
    const folder = join(parent, "once");
    const work = counter();
    expect(await new Journal(folder, "a").once("step", z.number(), work)).toBe(1);
    const next = new Journal(folder, "a");
    expect(next.isDone("step")).toBe(true);
    expect(next.seconds("step")).toBeGreaterThan(0);
    expect(await next.once("step", z.number(), work)).toBe(1);
  });

  it("does a step again that failed, or whose files are gone", async () => {
    const journal = new Journal(join(parent, "again"), "a");
    await expect(journal.once("step", z.number(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(journal.isDone("step")).toBe(false);
    const work = counter();
    await journal.once("step", z.number(), work);
    journal.forget("step");
    expect(await journal.once("step", z.number(), work)).toBe(2);
  });

  it("throws everything away when the recipe is another one", async () => {
    const folder = join(parent, "other");
    await new Journal(folder, "a").once("step", z.number(), counter());
    writeFileSync(join(folder, "weights"), "");
    expect(new Journal(folder, "b").isDone("step")).toBe(false);
    expect(existsSync(join(folder, "weights"))).toBe(false);
  });
});
