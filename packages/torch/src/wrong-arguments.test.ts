import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "./testing/call-wrongly.js";

const SEED = 20261124;
const built = new URL("../dist/", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "yolov9-wrong-arguments-"));
const log = join(folder, "calls.txt");

/** Node runs no TypeScript: the child's files without their types. */
function compileChild(): string {
  const sources = fileURLToPath(new URL("./testing/", import.meta.url));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  for (const file of readdirSync(sources)) {
    const { outputText } = ts.transpileModule(readFileSync(join(sources, file), "utf8"), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
    });
    writeFileSync(join(folder, file.replace(/\.ts$/, ".js")), outputText);
  }
  return join(folder, "call-wrongly.js");
}

/** In a process of its own: a crash must not take the test with it. */
async function callEverything(): Promise<Outcome> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [compileChild(), built, log, String(SEED)], {
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(stdout.split("\n").at(-2)!) as Outcome;
  } catch (error) {
    const last = readFileSync(log, "utf8").trimEnd().split("\n").at(-1);
    throw new Error(`the process died (${String(error)}) in the call: ${last}`, { cause: error });
  }
}

describe("wrong arguments", () => {
  let outcome: Outcome = { calls: {}, complaints: [], uncovered: [] };
  beforeAll(async () => {
    outcome = await callEverything();
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are refused with an Error, or taken where they make sense", () => {
    expect(outcome.complaints).toEqual([]);
  });

  it("were tried on every operator and function that is exported", () => {
    expect(outcome.uncovered).toEqual([]);
  });

  it("were tried by the hundred", () => {
    const counts = Object.values(outcome.calls).map(({ refused, taken }) => refused + taken);
    const operators = Object.entries(outcome.calls).filter(([name]) => name.startsWith("yolov9::"));
    expect(Math.min(...operators.map(([, { refused, taken }]) => refused + taken))).toBeGreaterThan(40);
    expect(operators.every(([, { refused }]) => refused > 20)).toBe(true);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5000);
  });
});
