// Compiles augment.ts (AssemblyScript) and writes the WebAssembly module as text into src/data/augment/kernels.generated.ts.
// Needed only after a change of augment.ts; the compiler is fetched by npx and is no dependency.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMPILER = "assemblyscript@0.28.20";
const LINE = 120;

const source = fileURLToPath(new URL("augment.ts", import.meta.url));
const output = fileURLToPath(new URL("../src/data/augment/kernels.generated.ts", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "yolov9-kernels-"));
try {
  const binary = join(temporary, "augment.wasm");
  const options = ["-O3", "--runtime", "stub", "--enable", "simd", "--noAssert", "--importMemory", "--debug"];
  execFileSync("npx", ["--yes", "-p", COMPILER, "asc", source, "-o", binary, ...options], {
    stdio: "inherit",
  });
  const text = readFileSync(binary).toString("base64");
  const lines = text.match(new RegExp(`.{1,${LINE}}`, "g")).map((line) => `  "${line}",`);
  writeFileSync(
    output,
    [
      "// Written by `npm run generate:kernels` from kernels/augment.ts. Do not edit.",
      "",
      "/** SHA-256 of the source that it was compiled from. */",
      `export const SOURCE_HASH = "${createHash("sha256").update(readFileSync(source)).digest("hex")}";`,
      "",
      "/** The WebAssembly module in base64. */",
      "export const KERNELS = [",
      ...lines,
      '].join("");',
      "",
    ].join("\n"),
  );
  console.log(`${output}: ${text.length} characters`);
} finally {
  rmSync(temporary, { recursive: true });
}
