import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const native = (file: string) => fileURLToPath(new URL(`../native/${file}`, import.meta.url));

describe("the heap of the allocator", () => {
  const folder = mkdtempSync(join(tmpdir(), "yolov9-heap-"));
  let seen: Record<string, Record<string, number>> = {};
  beforeAll(() => {
    const program = join(folder, "heap");
    const flags = ["-std=c++17", "-O1", "-g", "-fsanitize=undefined", "-fno-sanitize-recover"];
    execFileSync(process.env.CXX ?? "g++", [...flags, native("heap.cc"), native("tests/heap.cc"), "-o", program]);
    seen = JSON.parse(execFileSync(program, { encoding: "utf8" })) as typeof seen;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("gives out aligned memory that overlaps nothing, and gives all of it back", () => {
    expect(seen.random).toEqual({ misaligned: 0, damaged: 0, outOfBounds: 0, left: 0, held: 0 });
  });

  it("serves from what was freed last, and from neighbours joined", () => {
    expect(seen.reuse).toEqual({ same: 1, joined: 1, fromCache: 2, fromSystem: 3 });
  });

  it("keeps no more than a quarter above the most that was in use", () => {
    expect(seen.growing!.heldOverInUse).toBeLessThanOrEqual(1.25);
    expect(seen.growing!.residentOverInUse).toBeLessThanOrEqual(1.3);
  });

  it("takes requests of more than 2 GiB and refuses impossible ones", () => {
    expect(seen.huge).toEqual({ impossible: 1 });
  });

  it("gives back what is free before it refuses", () => {
    expect(seen.scarce).toEqual({ served: 1, refused: 1 });
  });
});
