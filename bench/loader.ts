// How fast the loader makes training batches with the full recipe: images a second of one core, where the time goes, and
// memory. Each size runs in a process of its own (loader-run.ts), so that peak memory is its own too.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LoaderMeasurement } from "./loader-run.js";
import type { Report } from "./main.js";
import { table } from "./statistics.js";

const SIZES = [320, 640, 1280] as const;

/** BCCD: 364 photos of 640 x 480 px in Pascal VOC layout. */
const DEFAULT_DATA = fileURLToPath(new URL("../../../shared/datasets/bccd", import.meta.url));

/** @throws Error when there is no data set to measure on */
export function benchLoader({ data = DEFAULT_DATA }: { data?: string | undefined }): Report {
  if (!existsSync(data)) throw new Error(`${data}: no such data set; name one with --data`);
  const results = SIZES.map((size) => inOwnProcess(size, data));
  const phases = [...new Set(results.flatMap((result) => Object.keys(result.phases)))];
  const head = ["full recipe, pictures in memory", "img/s a core", "ms/img", ...phases, "peak MB", "growth MB"];
  const rows = results.map((result) => [
    `${result.size} px`,
    result.imagesPerCoreSecond.toFixed(0),
    (1000 / result.imagesPerCoreSecond).toFixed(2),
    ...phases.map((phase) => (result.phases[phase] ?? 0).toFixed(2)),
    result.peakMegabytes.toFixed(0),
    result.growthMegabytes.toFixed(1),
  ]);
  return { data: { data, results }, table: table([head, ...rows]) };
}

function inOwnProcess(size: number, data: string): LoaderMeasurement {
  const script = fileURLToPath(new URL("./loader-run.js", import.meta.url));
  const output = execFileSync(process.execPath, [script, String(size), data], { encoding: "utf8" });
  return JSON.parse(output) as LoaderMeasurement;
}
