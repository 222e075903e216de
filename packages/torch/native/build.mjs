// Compiles the bridge into build/bridge.node, or into the folder that an argument names, with g++ alone: no node-gyp, no downloads. Only
// what changed is compiled again. With --sanitize a bridge that reports wrong uses of memory goes into build/sanitized instead;
// `npm run test:sanitize` tests with it.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, installHint } from "./find-libtorch.mjs";

const sourceFolder = fileURLToPath(new URL(".", import.meta.url));
const sanitizes = process.argv.includes("--sanitize");
const [givenFolder] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const ownFolder = fileURLToPath(new URL(sanitizes ? "../build/sanitized/" : "../build/", import.meta.url));
const buildFolder = givenFolder ?? ownFolder;
const target = join(buildFolder, "bridge.node");

/** Inner loops at full optimisation leave nothing to see in a report; without any, intrinsics are no instructions. */
const sanitizerFlags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"];

function compilerFlags(libtorch) {
  const nodeHeaders = createRequire(import.meta.url)("node-api-headers").include_dir;
  return [
    `-std=${libtorch.cxxStandard}`,
    ...(sanitizes ? sanitizerFlags : ["-O3"]),
    "-fPIC",
    "-fopenmp",
    // The kernels' loops carry sums; without these two the compiler may not vectorise comparisons and roots.
    "-fno-math-errno",
    "-fno-trapping-math",
    ...(process.arch === "x64" ? ["-mprefer-vector-width=512"] : []),
    "-fvisibility=hidden",
    "-Wall",
    "-Wno-unknown-pragmas",
    `-D_GLIBCXX_USE_CXX11_ABI=${libtorch.cxx11Abi ? 1 : 0}`,
    "-DNODE_GYP_MODULE_NAME=bridge",
    ...(libtorch.onednn ? ["-DYOLOV9_ONEDNN"] : []),
    ...(libtorch.cudaHeaders ? ["-DYOLOV9_CUDA", "-isystem", libtorch.cudaHeaders] : []),
    "-isystem",
    nodeHeaders,
    // Naming /usr/include again would reorder the standard headers and break them.
    ...libtorch.includes.filter((folder) => folder !== "/usr/include").flatMap((folder) => ["-isystem", folder]),
  ];
}

function linkerFlags(libtorch) {
  const cuda = libtorch.cuda ? ["-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda", "-Wl,--as-needed"] : [];
  return [
    `-L${libtorch.libraries}`,
    `-Wl,-rpath,${libtorch.libraries}`,
    "-ltorch_cpu",
    "-ltorch",
    "-lc10",
    ...(libtorch.onednn ? ["-ldnnl"] : []),
    ...cuda,
  ];
}

/** A file's text with that of the headers beside it that it includes. */
function textsOf(file, known = new Map()) {
  if (known.has(file) || !existsSync(join(sourceFolder, file))) return known;
  const text = readFileSync(join(sourceFolder, file), "utf8");
  known.set(file, text);
  for (const [, header] of text.matchAll(/^#include "(.+)"/gm)) textsOf(header, known);
  return known;
}

/** A number that changes when a source, a header that it includes or the command line does. */
function fingerprint(source, flags) {
  const hash = createHash("sha256").update(flags.join("\n"));
  for (const text of textsOf(source).values()) hash.update(text);
  return hash.digest("hex");
}

function compile(compiler, args, source) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", (error) =>
      reject(new Error(`${compiler} cannot be run (${error.message}). Install g++, or set CXX.`)),
    );
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${source} does not compile`))));
  });
}

async function main() {
  const { found: libtorch, tried } = findLibtorch();
  if (!libtorch) throw new Error(`libtorch was not found.\nTried:\n  ${tried.join("\n  ")}\n${installHint}`);
  mkdirSync(buildFolder, { recursive: true });

  const compiler = process.env.CXX ?? "g++";
  const sources = readdirSync(sourceFolder).filter((file) => file.endsWith(".cc"));
  const flags = compilerFlags(libtorch);

  const outdated = sources.filter((source) => {
    const stamp = join(buildFolder, `${source}.stamp`);
    const current = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint(source, flags);
    return !current || !existsSync(join(buildFolder, `${source}.o`));
  });
  const objects = sources.map((source) => join(buildFolder, `${source}.o`));
  const linked = existsSync(target) ? statSync(target).mtimeMs : 0;
  // What an interrupted build compiled waits to be linked.
  if (outdated.length === 0 && objects.every((object) => statSync(object).mtimeMs <= linked)) return;

  console.log(
    `Building the libtorch bridge (${libtorch.source}, ${libtorch.libraries}): ${outdated.map((file) => basename(file)).join(", ") || "linking"}`,
  );
  const queue = [...outdated];
  const worker = async () => {
    for (let source = queue.shift(); source; source = queue.shift()) {
      const object = join(buildFolder, `${source}.o`);
      await compile(compiler, [...flags, "-c", join(sourceFolder, source), "-o", object], source);
      writeFileSync(join(buildFolder, `${source}.stamp`), fingerprint(source, flags));
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), outdated.length) }, worker));
  rmSync(target, { force: true });
  const mode = sanitizes ? sanitizerFlags : [];
  execFileSync(compiler, ["-shared", "-fopenmp", ...mode, "-o", target, ...objects, ...linkerFlags(libtorch)], {
    stdio: "inherit",
  });
  console.log(`Built ${target} (${(statSync(target).size / 1e6).toFixed(1)} MB)`);
}

await main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
