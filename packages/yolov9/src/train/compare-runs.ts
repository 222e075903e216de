/** Several training runs next to each other: their best epochs and speeds as a table, their curves laid over each other. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../config/index.js";
import { messageOf } from "../error-message.js";
import { alignedLines } from "../text-table.js";
import { EpochResult } from "./results.js";

export interface ComparedRun {
  readonly name: string;
  readonly rows: readonly EpochResult[];
}

/** A run's best epoch by fitness, as validation saw it, and its pace. */
export interface RunSummary {
  readonly name: string;
  readonly epochs: number;
  readonly bestEpoch: number | undefined;
  readonly AP50: number | undefined;
  readonly AP: number | undefined;
  /** Median over the epochs, of training alone. */
  readonly imagesPerSecond: number;
  /** Training and validation. */
  readonly minutes: number;
}

/** @throws ConfigError for a folder without results, or with results that are none */
export function readRun(folder: string): ComparedRun {
  const file = join(folder, "results.json");
  if (!existsSync(file)) throw new ConfigError(`${file}: no such file; give the folder of a training run`);
  try {
    return {
      name: basename(folder),
      rows: z
        .array(EpochResult)
        .min(1)
        .parse(JSON.parse(readFileSync(file, "utf8"))),
    };
  } catch (error) {
    throw new ConfigError(`${file}: these are not the results of a run: ${messageOf(error)}`);
  }
}

export function summarise({ name, rows }: ComparedRun): RunSummary {
  const measured = rows.filter((row) => row.metrics !== undefined);
  const best = measured.reduce<EpochResult | undefined>(
    (chosen, row) => (chosen === undefined || row.metrics!.fitness > chosen.metrics!.fitness ? row : chosen),
    undefined,
  );
  const paces = rows.map((row) => row.imagesPerSecond).sort((a, b) => a - b);
  return {
    name,
    epochs: rows.length,
    bestEpoch: best?.epoch,
    AP50: best?.metrics?.AP50,
    AP: best?.metrics?.AP,
    imagesPerSecond: paces[paces.length >> 1]!,
    minutes: rows.reduce((sum, row) => sum + row.trainSeconds + row.valSeconds, 0) / 60,
  };
}

const COLUMNS = ["run", "epochs", "best", "mAP50", "mAP50-95", "img/s", "minutes"];

/** A line a run, under the names of the columns. */
export function comparisonTable(summaries: readonly RunSummary[]): string {
  const figure = (value: number | undefined) => (value === undefined ? "-" : value.toFixed(3));
  const rows = summaries.map((run) => [
    run.name,
    String(run.epochs),
    String(run.bestEpoch ?? "-"),
    figure(run.AP50),
    figure(run.AP),
    run.imagesPerSecond.toFixed(1),
    run.minutes.toFixed(1),
  ]);
  const isRight = COLUMNS.map((_, column) => column > 0);
  return alignedLines([COLUMNS, ...rows], isRight).join("\n");
}
