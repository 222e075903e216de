// Runs every test once and closes with a line of real counts, "N passed, N failed", for people and for CI. Arguments
// go to vitest. Fails when a test failed, when a test file could not be loaded, and when no test ran at all.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Counts of vitest's JSON report; a file that failed before its first test counts as one failure. */
function counts(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const folder = mkdtempSync(join(tmpdir(), "yolov9-tests-"));
const reportFile = join(folder, "report.json");
const { status } = spawnSync(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);

if (existsSync(reportFile)) {
  const { passed, failed, skipped } = counts(JSON.parse(readFileSync(reportFile, "utf8")));
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1;
} else {
  console.error("vitest ended without a report");
  process.exitCode = 1;
}
rmSync(folder, { recursive: true, force: true });
