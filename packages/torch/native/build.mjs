// Compiles the bridge into build/bridge.node with g++ alone: no node-gyp, no downloads. Only what changed is compiled again.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, installHint } from "./find-libtorch.mjs";

const sourceFolder = fileURLToPath(new URL(".", import.meta.url));
const buildFolder = fileURLToPath(new URL("../build/", import.meta.url));
const target = join(buildFolder, "bridge.node");

function compilerFlags(libtorch) {
  const nodeHeaders = createRequire(import.meta.url)("node-api-headers").include_dir;
  return [
    `-std=${libtorch.cxxStandard}`,
    "-O3",
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

/** A number that changes when a source, a header or the command line does. */
function fingerprint(source, headers, flags) {
  const hash = createHash("sha256").update(flags.join("\n"));
  for (const file of [source, ...headers]) hash.update(readFileSync(join(sourceFolder, file)));
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
  const files = readdirSync(sourceFolder);
  const headers = files.filter((file) => file.endsWith(".h"));
  const sources = files.filter((file) => file.endsWith(".cc"));
  const flags = compilerFlags(libtorch);

  const outdated = sources.filter((source) => {
    const stamp = join(buildFolder, `${source}.stamp`);
    const current = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint(source, headers, flags);
    return !current || !existsSync(join(buildFolder, `${source}.o`));
  });
  if (outdated.length === 0 && existsSync(target)) return;

  console.log(
    `Building the libtorch bridge (${libtorch.source}, ${libtorch.libraries}): ${outdated.map((file) => basename(file)).join(", ") || "linking"}`,
  );
  const queue = [...outdated];
  const worker = async () => {
    for (let source = queue.shift(); source; source = queue.shift()) {
      const object = join(buildFolder, `${source}.o`);
      await compile(compiler, [...flags, "-c", join(sourceFolder, source), "-o", object], source);
      writeFileSync(join(buildFolder, `${source}.stamp`), fingerprint(source, headers, flags));
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), outdated.length) }, worker));
  rmSync(target, { force: true });
  const objects = sources.map((source) => join(buildFolder, `${source}.o`));
  execFileSync(compiler, ["-shared", "-fopenmp", "-o", target, ...objects, ...linkerFlags(libtorch)], {
    stdio: "inherit",
  });
  console.log(`Built ${target} (${(statSync(target).size / 1e6).toFixed(1)} MB)`);
}

await main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
