// Brings a clone to a state in which everything runs: system packages, npm packages, the native bridge, the TypeScript
// build; with --tests also a browser for the tests that want one. Each step first looks whether it is needed, so that a second call takes
// about a second. Never prompts.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch } from "../packages/torch/native/find-libtorch.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
/** Headers of oneDNN; all works without them, slower. */
const FASTER_CONVOLUTIONS = "libdnnl-dev";

class SetupError extends Error {}

/** One line a step: what was found, or what is done and why. */
function report(step, detail) {
  console.log(`setup  ${step.padEnd(15)} ${detail}`);
}

/** True when a command is there and exits with 0. Its output is not shown. */
function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Runs a command with its output shown; returns whether it exited with 0. */
function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
}

/** Like `run`, but a failure ends the setup with a remedy. */
function mustRun(command, args, remedy) {
  if (!run(command, args)) throw new SetupError(`'${[command, ...args].join(" ")}' failed. ${remedy}`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new SetupError(
      `Node.js ${OLDEST_NODE.join(".")} or newer is needed, and this is ${process.versions.node} (${process.execPath}).`,
    );
  }
  report("Node.js", process.versions.node);
}

const compiler = process.env.CXX ?? "g++";

/** Debian's libtorch runs with any BLAS that is installed; without OpenBLAS that is the reference one, many times slower. */
function lacksFastBlas(libtorch) {
  if (libtorch.source !== "system package" || !succeeds("dpkg-query", ["--status", "libtorch-dev"])) return false;
  const packages = ["pthread", "openmp", "serial"].map((kind) => `libopenblas0-${kind}`);
  return !packages.some((name) => succeeds("dpkg-query", ["--status", name]));
}

/** Debian's libtorch is linked to a oneDNN whose headers let the bridge call it directly, for faster convolutions. */
function lacksOneDnnHeaders(libtorch) {
  if (libtorch.source !== "system package" || !succeeds("dpkg-query", ["--status", "libtorch-dev"])) return false;
  return (
    !succeeds("dpkg-query", ["--status", FASTER_CONVOLUTIONS]) && succeeds("apt-cache", ["show", FASTER_CONVOLUTIONS])
  );
}

/** Debian packages to install: a compiler and make, and libtorch with a fast BLAS and oneDNN's headers where none was found. */
function missingSystemPackages() {
  const { found: libtorch } = findLibtorch();
  // A folder that YOLOV9_LIBTORCH names wrongly is for the build to complain about, not to be replaced.
  const wantsLibtorch = libtorch === undefined && !process.env.YOLOV9_LIBTORCH;
  return [
    ...(succeeds(compiler, ["--version"]) ? [] : ["g++"]),
    ...(succeeds("make", ["--version"]) ? [] : ["make"]),
    ...(wantsLibtorch ? ["libtorch-dev"] : []),
    ...(wantsLibtorch || (libtorch && lacksFastBlas(libtorch)) ? ["libopenblas0-pthread"] : []),
    ...(wantsLibtorch || (libtorch && lacksOneDnnHeaders(libtorch)) ? [FASTER_CONVOLUTIONS] : []),
  ];
}

/** What gives apt-get its rights: nothing for root, `sudo` where it asks for no password; undefined where neither works. */
function privilege() {
  if (process.getuid?.() === 0) return [];
  return succeeds("sudo", ["-n", "true"]) ? ["sudo", "-n"] : undefined;
}

/** What a person can do on a machine where this script may not install system packages. */
function adviceToInstall(missing) {
  const hasApt = succeeds("apt-get", ["--version"]);
  return [
    `Missing on this machine: ${missing.join(", ")}; ${hasApt ? "installing them needs root" : "there is no apt-get here"}. Please`,
    hasApt
      ? `  - run as root: apt-get install --no-install-recommends ${missing.join(" ")}`
      : "  - install a C++17 compiler (g++ or clang++) and make with your system's package manager",
    ...(missing.includes("libtorch-dev")
      ? [
          `  - ${hasApt ? "or provide" : "provide"} libtorch: 'pip install torch', or unpack libtorch and set YOLOV9_LIBTORCH to its folder`,
        ]
      : []),
    "and call this again.",
  ].join("\n");
}

/** What gives an apt-get command line its rights. */
function aptWith(prefix) {
  return (...args) => {
    const [command, ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", ...args];
    return [command, rest];
  };
}

function installSystemPackages() {
  const missing = missingSystemPackages();
  if (missing.length === 0) return report("system packages", "compiler, make and libtorch are there");

  const prefix = privilege();
  if (prefix === undefined || !succeeds("apt-get", ["--version"])) {
    if (missing.some((name) => name !== FASTER_CONVOLUTIONS)) throw new SetupError(adviceToInstall(missing));
    return report("system packages", `all that is needed is there; ${FASTER_CONVOLUTIONS} would make training faster`);
  }
  report(
    "system packages",
    `installing ${missing.join(", ")}: libtorch trains, the compiler builds its bridge to Node`,
  );

  const apt = aptWith(prefix);
  const install = (...options) => apt("install", "--no-install-recommends", ...options, ...missing);
  // A bare machine has no package lists and an old one has stale ones; a current one is spared the download.
  if (succeeds(...install("--dry-run")) && run(...install())) return;
  mustRun(...apt("update"), "Check the network and the apt sources.");
  mustRun(...install(), `Install by hand: ${missing.join(" ")}.`);
}

/** The browser that tests run in. Without it these are skipped and say so. */
function installChromium() {
  const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = [process.env.YOLOV9_CHROMIUM ?? "", ...places].find((path) => existsSync(path));
  if (found !== undefined) return report("browser", `${found}, for tests`);
  const prefix = privilege();
  if (prefix === undefined || !succeeds("apt-get", ["--version"])) {
    return report("browser", "none found: install Chromium, or set YOLOV9_CHROMIUM; tests in a browser are skipped");
  }
  report("browser", "installing chromium, which tests open without a window");
  const apt = aptWith(prefix);
  const install = apt("install", "--no-install-recommends", "chromium");
  if (
    (succeeds(...apt("install", "--dry-run", "chromium")) && run(...install)) ||
    (run(...apt("update")) && run(...install))
  )
    return;
  report("browser", "chromium could not be installed; tests in a browser are skipped");
}

/** True when node_modules holds exactly the versions of package-lock.json (packages for other platforms left aside). */
function npmPackagesAreCurrent() {
  const installedLock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedLock, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    const present = installed[path];
    if (path === "") return true;
    // A package of this repository: its dependencies and commands.
    if (!path.includes("node_modules/")) return JSON.stringify(present) === JSON.stringify(entry);
    if (present === undefined) return entry.optional === true;
    return present.version === entry.version && present.link === entry.link && existsSync(join(root, path));
  });
}

function installNpmPackages() {
  if (npmPackagesAreCurrent()) return report("npm packages", "as in package-lock.json");
  report("npm packages", "installing those of package-lock.json (npm ci)");
  mustRun("npm", ["ci"], "Check the network and the npm registry, then call this again.");
}

function build() {
  report("native bridge", "libtorch for Node, where its sources changed (packages/torch/native)");
  mustRun(process.execPath, ["packages/torch/native/build.mjs"], "The message above says what is missing.");
  report("TypeScript", "packages and demo, where their sources changed (tsc --build)");
  mustRun(process.execPath, ["node_modules/typescript/bin/tsc", "--build"], "The lines above name file and line.");
}

try {
  checkNode();
  installSystemPackages();
  if (process.argv.includes("--tests")) installChromium();
  installNpmPackages();
  build();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nsetup stopped: ${error.message}`);
  process.exitCode = 1;
}
