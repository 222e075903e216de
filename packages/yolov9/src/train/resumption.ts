/**
 * What a resumed run goes on with: its stored state, with the few settings that may change. Everything else belongs to the run, so that
 * it ends as it would have without the interruption.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, flagOf, UsageError } from "../config/index.js";
import type { TrainConfig } from "../config/index.js";
import { messageOf } from "../error-message.js";
import { shellText } from "../shell-text.js";
import { readCheckpoint, readCheckpointState } from "./checkpoint.js";
import type { CheckpointState } from "./checkpoint.js";
import { EarlyStopping } from "./early-stopping.js";
import type { RunFolder } from "./run-folder.js";
import { learningRateFactor, settle } from "./schedule.js";
import { absolutePaths } from "./stored-paths.js";

/** How long, on which machine, and where the same data lies now. */
const CHANGEABLE: readonly (keyof TrainConfig)[] = [
  ...(["epochs", "patience", "savePeriod"] as const),
  ...(["device", "threads", "workers", "cacheBudget", "diskCache", "data"] as const),
];

/**
 * A stored state with the settings that were given with `--resume`.
 * @param given keys that the user set; those whose value is the run's own are no change
 * @throws UsageError naming settings that cannot change, ConfigError for fewer epochs than are done
 */
export function changedState(
  state: CheckpointState,
  config: TrainConfig,
  given: readonly (keyof TrainConfig)[],
): CheckpointState {
  const own = absolutePaths(state.config);
  const wanted = absolutePaths(config);
  // The project says where to look for the newest run, and is no setting of the run then.
  const asked = given.filter((key) => key !== "resume" && !(key === "project" && isNewest(config)));
  const changed = asked.filter((key) => JSON.stringify(wanted[key]) !== JSON.stringify(own[key]));
  const refused = changed.filter((key) => !CHANGEABLE.includes(key));
  if (refused.length > 0) throw new UsageError(refusal(refused, own));
  const changes = Object.fromEntries(changed.map((key) => [key, wanted[key]]));
  const { epoch } = state;
  if (changed.includes("epochs") && config.epochs <= epoch)
    throw new ConfigError(`--epochs ${config.epochs}: the run has done ${epoch} epochs already; give more`);
  // Whoever asks for more epochs wants them trained: patience begins anew.
  const goesOn = changed.includes("epochs") || changed.includes("patience");
  return { ...state, config: { ...own, ...changes }, ...(goesOn && { patienceFrom: epoch }) };
}

function isNewest({ resume }: TrainConfig): boolean {
  return resume === true || resume === "";
}

function refusal(keys: readonly (keyof TrainConfig)[], own: TrainConfig): string {
  const lines = keys.map((key) => `${flagOf(key)}: cannot change when a run is resumed (it has ${String(own[key])})`);
  const allowed = CHANGEABLE.map(flagOf).join(", ");
  return [...lines, `With --resume may change: ${allowed}; for all else start a new run`].join("\n");
}

/** How a run has ended; undefined when there is more to train. */
export function endOf({ config, epoch, batch, best, patienceFrom }: CheckpointState) {
  if (epoch >= config.epochs) return "completed";
  const stopping = new EarlyStopping(config.patience);
  stopping.best = best;
  stopping.from = patienceFrom;
  return batch === 0 && stopping.shouldStop(epoch) ? "stopped-early" : undefined;
}

/** What to say of a run that has ended. */
export function endText({ config, epoch, best }: CheckpointState, folder: RunFolder): string {
  const how =
    epoch >= config.epochs
      ? `is finished: all ${config.epochs} epochs are done`
      : `stopped early after epoch ${epoch} of ${config.epochs}: no better fitness since epoch ${best.epoch}`;
  return `${folder.path} ${how}; train on with: yolov9 train --resume ${shellText(folder.path)} --epochs N`;
}

/** Where the schedule goes on when the number of epochs has changed; undefined when it has not. */
export function scheduleNote(before: CheckpointState, after: CheckpointState): string | undefined {
  const [old, now] = [before.config.epochs, after.config.epochs];
  if (old === now) return undefined;
  const config = settle(after.config, after.images.train);
  const rate = (epochs: number) =>
    (config.lr0 * learningRateFactor(Math.min(after.epoch, epochs), { ...config, epochs })).toPrecision(3);
  const closes = Math.max(now - config.closeMosaic, 0);
  return (
    `epochs ${old} → ${now}: the schedule (${config.schedule}) is that of ${now} epochs from here on; the learning rate of epoch ` +
    `${after.epoch + 1} is ${rate(now)} (${rate(old)} before), mosaic closes after epoch ${closes}`
  );
}

/** An error about a run's last checkpoint, with the checkpoints of the run that are whole and how to go on from them. */
export function withIntactCheckpoints(error: unknown, folder: RunFolder): Error {
  const weights = dirname(folder.last);
  const names = existsSync(weights) ? readdirSync(weights).filter((name) => name.endsWith(".safetensors")) : [];
  const intact = names.map((name) => join(weights, name)).filter((path) => path !== folder.last && isIntact(path));
  const remedy =
    intact.length === 0
      ? ["No other checkpoint of the run is intact; start anew"]
      : [
          "Intact are, with averaged weights, from which a new run can start:",
          ...intact.map((path) => `  ${path} (epoch ${readCheckpointState(path).epoch})`),
          `  yolov9 train --config ${shellText(folder.file("args.yaml"))} --weights ${shellText(intact[0]!)}`,
        ];
  return new Error([messageOf(error), ...remedy].join("\n"), { cause: error });
}

function isIntact(path: string): boolean {
  try {
    readCheckpoint(path).dispose();
    return true;
  } catch {
    return false;
  }
}
