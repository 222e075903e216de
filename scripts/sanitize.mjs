// `npm run test:sanitize`: looks for wrong uses of memory and undefined behaviour in the bridge. Builds one with AddressSanitizer and UBSan
// beside the usual one, then runs the tests of packages/torch with it, the one of wrong arguments among them, and a tiny training in each
// precision. Fails on any report. libtorch and oneDNN themselves are not instrumented, but what the bridge does to their memory is seen.
// For g++ on Linux; takes several minutes.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "yolov9-sanitize-"));
const reports = join(folder, "reports");
mkdirSync(reports);

/** The compiler's own runtime of a sanitizer, which must be the first library of the process. */
function runtimeOf(name) {
  const path = execFileSync(process.env.CXX ?? "g++", [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
  if (!existsSync(path))
    throw new Error(`${name} was not found: install the sanitizers of g++ (Debian: libasan8, with g++)`);
  return path;
}

const settings = {
  YOLOV9_BRIDGE: join(root, "packages/torch/build/sanitized/bridge.node"),
  // The caching allocator's blocks hide where one tensor ends and the next begins.
  YOLOV9_ALLOCATOR: "system",
  OMP_NUM_THREADS: "2",
  // libstdc++ beside it: Node may bring one of its own, whose exceptions the runtime would not find.
  LD_PRELOAD: [runtimeOf("libasan.so"), runtimeOf("libubsan.so"), runtimeOf("libstdc++.so.6")].join(":"),
  ASAN_OPTIONS: [
    `log_path=${join(reports, "asan")}`,
    // Node and V8 leave memory to the end of the process on purpose.
    "detect_leaks=0",
    // Tests ask for impossible tensors and expect an error, not an end.
    "allocator_may_return_null=1",
    // V8's own handlers of faults in WebAssembly stay.
    "allow_user_segv_handler=1",
  ].join(":"),
  UBSAN_OPTIONS: `log_path=${join(reports, "ubsan")}:print_stacktrace=1`,
};

function run(title, args, more = {}) {
  console.log(`\n== ${title}`);
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...settings, ...more },
  });
  return { title, passed: status === 0 };
}

/** A few pictures of grey with a bright square, in YOLO's layout. */
async function makeData() {
  const { default: sharp } = await import("sharp");
  const data = join(folder, "data");
  for (const kind of ["images", "labels"]) mkdirSync(join(data, kind), { recursive: true });
  for (let i = 0; i < 6; i++) {
    const square = await sharp({ create: { width: 16, height: 16, channels: 3, background: "#fff" } })
      .png()
      .toBuffer();
    const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: "#444" } });
    const left = 6 * i;
    await picture
      .composite([{ input: square, left, top: 24 }])
      .png()
      .toFile(join(data, "images", `${i}.png`));
    writeFileSync(join(data, "labels", `${i}.txt`), `0 ${(left + 8) / 64} 0.5 0.25 0.25\n`);
  }
  const yaml = join(folder, "data.yaml");
  writeFileSync(yaml, `path: ${data}\ntrain: images\nval: images\nnames: [square]\n`);
  return yaml;
}

const train = (data, precision) => {
  const size = ["--model", "yolov9-t", "--imgsz", "64", "--epochs", "1", "--batch", "2", "--workers", "1"];
  const to = ["--project", join(folder, "runs"), "--name", precision, "--precision", precision];
  return run(`training in ${precision}`, ["packages/yolov9/bin/yolov9.js", "train", "--data", data, ...size, ...to]);
};

execFileSync(process.execPath, ["packages/torch/native/build.mjs", "--sanitize"], { cwd: root, stdio: "inherit" });
const testReport = join(folder, "tests.json");
const runs = [
  run("tests of packages/torch", [
    "node_modules/vitest/vitest.mjs",
    "run",
    "packages/torch",
    "--testTimeout=600000",
    "--hookTimeout=1200000",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${testReport}`,
  ]),
];
const data = await makeData();
for (const precision of ["float32", "bfloat16"]) runs.push(train(data, precision));

const found = readdirSync(reports);
for (const file of found) console.error(`\n-- ${file}\n${readFileSync(join(reports, file), "utf8")}`);
const tests = existsSync(testReport) ? JSON.parse(readFileSync(testReport, "utf8")) : undefined;
console.log("");
for (const { title, passed } of runs) console.log(`${passed ? "passed" : "FAILED"}  ${title}`);
console.log(
  `${tests?.numPassedTests ?? 0} tests passed, ${tests?.numFailedTests ?? "unknown"} failed, ${tests?.numPendingTests ?? 0} skipped; ${found.length} reports of sanitizers`,
);
process.exitCode = found.length === 0 && runs.every(({ passed }) => passed) ? 0 : 1;
rmSync(folder, { recursive: true, force: true });
