// Prepares a machine with an NVIDIA GPU and checks and measures this project on it: `node scripts/gpu.mjs`. From elsewhere,
// `node scripts/gpu.mjs --to HOST` carries the committed tree there by ssh, runs this there, and brings the report back. Exits with
// 2 where there is no CUDA, and with 1 where something differs from the CPU. See docs/gpu.md.

import { spawnSync } from "node:child_process";
import { openSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findLibtorch } from "../packages/torch/native/find-libtorch.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const REPORT = "gpu-report.json";
const REMOTE_FOLDER = "yolov9-gpu";
const NO_CUDA = 2;

const { values } = parseArgs({
  options: { to: { type: "string" }, device: { type: "string", default: "cuda:0" } },
});

/** libtorch with CUDA comes with Python's torch; a system package, which would be found first, has none. */
const environment = { ...process.env, YOLOV9_LIBTORCH: process.env.YOLOV9_LIBTORCH || "python" };

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error) throw error;
  return status;
}

function stop(message, code) {
  console.error(message);
  process.exit(code);
}

/** Copies what is committed, runs this there, and fetches the report. */
function carryTo(host) {
  const remote = `mkdir -p ${REMOTE_FOLDER} && cd ${REMOTE_FOLDER}`;
  const archive = spawnSync("git", ["archive", "HEAD"], { cwd: root, maxBuffer: 2 ** 30 });
  if (archive.status !== 0) stop("git archive failed: --to needs a clone", 1);
  const send = run("ssh", [host, `${remote} && tar -x`], {
    input: archive.stdout,
    stdio: ["pipe", "inherit", "inherit"],
  });
  if (send !== 0) stop(`the tree could not be sent to ${host}`, 1);
  const status = run("ssh", [host, `${remote} && node scripts/gpu.mjs --device ${values.device}`]);
  if (status !== NO_CUDA) run("ssh", [host, `cat ${REMOTE_FOLDER}/${REPORT}`], { stdio: ["ignore", openSync(join(root, REPORT), "w"), "inherit"] }); // prettier-ignore
  return status ?? 1;
}

function requireCuda() {
  const { found, tried } = findLibtorch(environment);
  if (found?.cuda) return;
  stop(
    `no CUDA device can be used: ${found ? `${found.libraries} has no CUDA` : "no libtorch with CUDA was found"}\n` +
      `Tried: ${tried.join("; ")}\nInstall one with 'pip install torch', or name its folder in YOLOV9_LIBTORCH.`,
    NO_CUDA,
  );
}

/**
 * @param part "compare" in full float32, "time" with the GPU's own rounding: convolutions may round their inputs to 10 bits, as they do by
 *   default on newer GPUs
 */
function checks(part) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["bench/dist/gpu-checks.js", "--device", values.device, "--part", part],
    {
      cwd: root,
      env: { ...environment, ...(part === "compare" ? { NVIDIA_TF32_OVERRIDE: "0" } : {}) },
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  process.stderr.write(stderr);
  if (/is not available/.test(stderr)) stop("libtorch has CUDA, but finds no GPU: is the driver installed?", NO_CUDA);
  if (stdout === "") stop("the checks ended without a report", 1);
  return { passed: status === 0, ...JSON.parse(stdout) };
}

function main() {
  if (values.to !== undefined) return carryTo(values.to);
  requireCuda();
  if (run(process.execPath, ["scripts/setup.mjs"], { env: environment }) !== 0) return 1;
  const gpu = spawnSync("nvidia-smi", ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"], {
    encoding: "utf8",
  });
  const comparison = checks("compare");
  const report = { gpu: gpu.stdout?.trim() ?? "unknown", node: process.version, comparison, times: checks("time") };
  writeFileSync(join(root, REPORT), `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`${comparison.passed ? "equal to the CPU" : "DIFFERS from the CPU"}; report: ${REPORT}`);
  return comparison.passed ? 0 : 1;
}

process.exitCode = main();
