/** How a caller looks at a run and ends it, and what it learns in the end. */
import type { TrainConfig } from "../config/index.js";
import type { ProgressReporter } from "./progress.js";
import type { EpochResult } from "./results.js";
import type { BatchFigures } from "./training-step.js";

/** One batch that was trained on. */
export interface StepReport extends BatchFigures {
  /** 0 … epochs - 1. */
  readonly epoch: number;
}

/** Ways to look at a run and to end it. */
export interface TrainHooks {
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (result: EpochResult) => void;
  /** Ends the run after the step underway, saved; the result says "interrupted". */
  readonly signal?: AbortSignal;
  /**
   * For runs that are resumed: keys of the configuration that were set on purpose. Those that may change then hold, others are refused.
   * Default: none, and the run's own configuration holds.
   */
  readonly given?: readonly (keyof TrainConfig)[];
  /** Default: bars and lines on stderr. */
  readonly progress?: ProgressReporter;
}

export interface TrainResult {
  /** Path of the run folder, and of the best and the last checkpoint in it. */
  readonly folder: string;
  readonly best: string;
  readonly last: string;
  /** Whole epochs done. */
  readonly epochs: number;
  readonly ended: "completed" | "stopped-early" | "interrupted";
  readonly bestEpoch: number;
  readonly bestFitness: number;
  readonly results: readonly EpochResult[];
}

/** A loss or gradient that is no number any more. Weights and checkpoints are those from before. */
export class NonFiniteLossError extends Error {
  override readonly name = "NonFiniteLossError";
}
