// Where libtorch is: $YOLOV9_LIBTORCH (a folder, or "python"), else a system package, else the `torch` of the user's python.
// Finds headers and libraries; it neither builds nor loads anything.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** As YOLOV9_LIBTORCH: Python's torch, although there is a system package, which has no CUDA. */
const PYTHON = "python";

/**
 * @typedef {{ source: string, includes: string[], libraries: string, cxx11Abi: boolean, cxxStandard: string, cuda: boolean, cudaHeaders: string | undefined, onednn: boolean }} Libtorch
 * @typedef {{ found: Libtorch | undefined, tried: string[] }} Search
 */

/** @returns {Search} the first libtorch that has both headers and libraries, and every place looked at */
export function findLibtorch(environment = process.env) {
  const tried = [];
  for (const candidate of candidates(environment, tried)) {
    tried.push(`${candidate.source}: ${candidate.root}`);
    const found = inspect(candidate, environment);
    if (found) return { found, tried };
  }
  return { found: undefined, tried };
}

export const installHint =
  "Install it with `apt-get install libtorch-dev` (Debian, Ubuntu), or `pip install torch`, or set YOLOV9_LIBTORCH to a folder with include/ and lib/.";

function* candidates(environment, tried) {
  const chosen = environment.YOLOV9_LIBTORCH;
  if (chosen === PYTHON) {
    yield* pythonCandidates(tried);
    return;
  }
  if (chosen) {
    yield { source: "YOLOV9_LIBTORCH", root: chosen, cxx11Abi: undefined };
    return; // an explicit choice is not second-guessed
  }
  yield { source: "system package", root: "/usr", cxx11Abi: true };
  yield { source: "system package", root: "/usr/local", cxx11Abi: true };
  yield* pythonCandidates(tried);
}

function* pythonCandidates(tried) {
  const python = pythonTorch();
  if (python) yield { source: "python torch", ...python };
  else tried.push("python torch: `python3 -c 'import torch'` found none");
}

function pythonTorch() {
  const script =
    "import torch, os; print(os.path.dirname(torch.__file__)); print(int(torch.compiled_with_cxx11_abi()))";
  try {
    const lines = execFileSync("python3", ["-c", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).split("\n");
    return { root: lines[0], cxx11Abi: lines[1] === "1" };
  } catch {
    return undefined;
  }
}

function inspect({ source, root, cxx11Abi }, environment) {
  const includes = [join(root, "include"), join(root, "include/torch/csrc/api/include")];
  const libraries = ["lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"]
    .map((folder) => join(root, folder))
    .find((folder) => existsSync(join(folder, "libtorch_cpu.so")) || existsSync(join(folder, "libtorch_cpu.dylib")));
  const header = join(includes[0], "ATen/ATen.h");
  if (!libraries || !existsSync(header)) return undefined;
  const cuda = existsSync(join(libraries, "libtorch_cuda.so"));
  return {
    source,
    includes,
    libraries,
    cxx11Abi: cxx11Abi ?? true,
    cxxStandard: standardFor(header),
    cuda,
    cudaHeaders: cuda ? findCudaHeaders(root, environment) : undefined,
    onednn: hasOneDnn(source, includes[0], libraries),
  };
}

/** CUDA's own headers, without which graphs cannot be recorded: of an installation, or of the Python packages that torch depends on. */
function findCudaHeaders(root, { CUDA_HOME }) {
  const packages = join(root, "..", "nvidia");
  const folders = [
    ...(CUDA_HOME ? [join(CUDA_HOME, "include")] : []),
    "/usr/local/cuda/include",
    ...(existsSync(packages) ? readdirSync(packages).map((name) => join(packages, name, "include")) : []),
  ];
  return folders.find((folder) => existsSync(join(folder, "cuda_runtime_api.h")));
}

/** Whether oneDNN can be called directly: only the one that a system's libtorch itself is linked to, in the version written for. */
function hasOneDnn(source, includes, libraries) {
  const header = join(includes, "oneapi/dnnl/dnnl_version.h");
  if (source !== "system package" || !existsSync(header) || !existsSync(join(libraries, "libdnnl.so"))) return false;
  return /#define DNNL_VERSION_MAJOR\s+2\b/.test(readFileSync(header, "utf8"));
}

/** The oldest C++ standard that the headers accept: newer ones stop with an #error that names it. */
function standardFor(header) {
  return /#error C\+\+20/.test(readFileSync(header, "utf8")) ? "c++20" : "c++17";
}
