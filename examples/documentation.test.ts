import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SIDE, writeSquares } from "./custom-block/squares.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "documentation-"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "path"));
  await writeSquares(join(folder, "path/to/data"), { train: 8, val: 2 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Programs in a page of the documentation that use the package `yolov9`. */
function programs(page: string): string[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
  return blocks.filter((code) => code.includes('from "yolov9"'));
}

/** Runs a program as it is printed but for what makes it slow: sizes, epochs, threads. */
function runProgram(code: string): { status: number | null; stdout: string; stderr: string } {
  const small = code
    .replace(/imgsz: \d+/g, `imgsz: ${SIDE}, batch: 4, workers: 0`)
    .replace(/epochs: [1-9]\d*/g, "epochs: 2")
    .replace("yolov9-t", "gelan-t");
  const { outputText } = ts.transpileModule(small, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  const file = join(folder, "program.mjs");
  writeFileSync(file, outputText);
  return spawnSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
}

it("the program of the README trains, validates and exports", { timeout: 180_000 }, () => {
  const [program] = programs("README.md");
  const { status, stdout, stderr } = runProgram(program!);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^(\d|\d\.\d+(e-\d+)?) (\d|\d\.\d+(e-\d+)?)$/m);
  expect(readdirSync(folder)).toContain("best.onnx");
  expect(readdirSync(join(folder, "runs/train/gelan-t"))).toContain("results.csv");
  expect(readdirSync(join(folder, "runs/val/val"))).toContain("report.html");
});

it("the programs of docs/api.md do what their comments say", { timeout: 180_000 }, () => {
  const [whole, looked, refused] = programs("docs/api.md").map(runProgram);
  expect(whole!.status, whole!.stderr).toBe(0);
  expect(whole!.stdout).toMatch(/^completed .*best\.safetensors$/m);
  expect(whole!.stdout).toMatch(/report\.html$/m);
  expect(looked!.status, looked!.stderr).toBe(0);
  expect(looked!.stdout).toBe("interrupted\ncompleted 2\n");
  expect(looked!.stderr).toBe("");
  expect(refused!.status, refused!.stderr).toBe(0);
  expect(refused!.stdout).toBe("createTrainConfig: epochs is 0, but must be an integer ≥ 1\n");
});
