/**
 * What a terminal shows while a run trains: a bar for each epoch with losses, images a second and the time left. Where the output is no
 * terminal there is one plain line an epoch.
 */
import cliProgress from "cli-progress";
import { printableLines } from "../printable.js";
import type { LossItems } from "../loss/index.js";
import type { EpochResult } from "./results.js";

export interface StepProgress {
  readonly done: number;
  /** Means over the epoch so far. */
  readonly losses: LossItems;
  readonly imagesPerSecond: number;
  /** Seconds until the end of the epoch. */
  readonly secondsLeft: number;
}

/** What a run tells while it trains. */
export interface ProgressReporter {
  startEpoch(epoch: number, batches: number, done: number): void;
  step(progress: StepProgress): void;
  endEpoch(result: EpochResult, secondsLeft: number): void;
  note(line: string): void;
  stop(): void;
}

/** Tells nothing. */
export const silentProgress: ProgressReporter = {
  startEpoch: () => undefined,
  step: () => undefined,
  endEpoch: () => undefined,
  note: () => undefined,
  stop: () => undefined,
};

const FORMAT = "{name} {bar} {value}/{total}  box {box}  cls {cls}  dfl {dfl}  {speed} img/s  {left} left";

export class Progress implements ProgressReporter {
  readonly #epochs: number;
  readonly #stream: NodeJS.WriteStream;
  #bar: cliProgress.SingleBar | undefined;

  /** @param stream where to write; bars appear only if it is a terminal */
  constructor(epochs: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#epochs = epochs;
    this.#stream = stream;
  }

  startEpoch(epoch: number, batches: number, done: number): void {
    if (!this.#stream.isTTY) return;
    const bar = new cliProgress.SingleBar(
      { format: FORMAT, stream: this.#stream, hideCursor: true, barsize: 20, clearOnComplete: true },
      cliProgress.Presets.shades_classic,
    );
    bar.start(batches, done, { name: this.#name(epoch), box: "-", cls: "-", dfl: "-", speed: "-", left: "-" });
    this.#bar = bar;
  }

  step({ done, losses, imagesPerSecond, secondsLeft }: StepProgress): void {
    this.#bar?.update(done, {
      box: losses.box.toFixed(3),
      cls: losses.cls.toFixed(3),
      dfl: losses.dfl.toFixed(3),
      speed: imagesPerSecond.toFixed(1),
      left: duration(secondsLeft),
    });
  }

  /** Ends the bar; the line of the finished epoch stays. */
  endEpoch(result: EpochResult, secondsLeft: number): void {
    this.stop();
    const { train, metrics, imagesPerSecond } = result;
    const parts = [
      this.#name(result.epoch),
      `box ${train.box.toFixed(3)}  cls ${train.cls.toFixed(3)}  dfl ${train.dfl.toFixed(3)}`,
      ...(metrics === undefined ? [] : [`mAP50 ${metrics.AP50.toFixed(4)}  mAP50-95 ${metrics.AP.toFixed(4)}`]),
      `${imagesPerSecond.toFixed(1)} img/s`,
      `${duration(secondsLeft)} left`,
    ];
    this.note(parts.join("  "));
  }

  /** A line of its own. */
  note(line: string): void {
    this.#stream.write(`${printableLines(line)}\n`);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #name(epoch: number): string {
    return `epoch ${epoch}/${this.#epochs}`;
  }
}

/** 42 s, 3 min 5 s, 2 h 10 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
