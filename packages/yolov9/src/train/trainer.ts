/**
 * The training loop: batches in, steps of the optimiser, validation and checkpoints after every epoch. What is trained and where it
 * stands is in training-state.ts; this file drives it with the data of a run.
 */
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { setNumThreads, type Tensor } from "@yolov9/torch";
import type { TrainConfig } from "../config/index.js";
import type { Batch, Loader } from "../data/index.js";
import { checkCommand, problemLines } from "../data/index.js";
import type { DetectionLoss } from "../loss/index.js";
import { validateModel } from "../validate/validate.js";
import type { ValidationResult } from "../validate/result.js";
import { readCheckpoint, type Checkpoint, type CheckpointState } from "./checkpoint.js";
import { CoreSplitMeter } from "./core-split.js";
import { EpochProblems } from "./epoch-problems.js";
import { applySettings } from "./parameter-groups.js";
import { curvesSvg } from "./plots.js";
import { Progress } from "./progress.js";
import type { ProgressReporter } from "./progress.js";
import { writeWhole } from "@yolov9/torch/whole-file";
import { epochFigures, resultsCsv } from "./results.js";
import type { EpochResult } from "./results.js";
import { hasObjects, loaders, openData } from "./run-data.js";
import type { RunData } from "./run-data.js";
import { changedState, endOf, endText, scheduleNote, withIntactCheckpoints } from "./resumption.js";
import { newRunFolder, resumedRunFolder } from "./run-folder.js";
import type { RunFolder } from "./run-folder.js";
import { settle, stepSettings, warmupNotice } from "./schedule.js";
import type { SettledConfig, StepSettings } from "./schedule.js";
import { absolutePaths } from "./stored-paths.js";
import { openTrainingStep } from "./open-training-step.js";
import { NO_LOSSES, scaledLosses, sumOfLosses, trainingLoss } from "./training-loss.js";
import { NonFiniteLossError, type TrainHooks, type TrainResult } from "./train-hooks.js";
import { unitImagesOf, type TrainingStep } from "./training-step.js";
import { transferText } from "./transfer.js";
import { openStartWeights } from "../weights/start-weights.js";
import { TrainingState } from "./training-state.js";

/**
 * Trains from a configuration, or goes on with the run that `config.resume` names; that run's own configuration then holds.
 * `hooks.signal` ends it after the next step of the optimiser, saved. It listens to no signals of the system: whoever wants them,
 * as the command line does, aborts `hooks.signal` on them.
 * @throws NonFiniteLossError when the loss or the gradient is no number any more
 */
export async function train(config: TrainConfig, hooks: TrainHooks = {}): Promise<TrainResult> {
  const resumed =
    config.resume === false ? undefined : resumedRunFolder(config.resume === "" ? true : config.resume, config.project);
  const trainer = await (resumed === undefined ? Trainer.start(config, hooks) : Trainer.resume(resumed, config, hooks));
  if (!(trainer instanceof Trainer)) return trainer;
  try {
    return await trainer.run(hooks.signal ?? new AbortController().signal);
  } finally {
    await trainer.close();
  }
}

/** Of which batch norms take statistics, where weights come without. */
const IMAGES_FOR_NORMS = 64;

/** On a GPU. */
const BATCHES_PER_READING = 16;
const MOST_WORKERS = 16;

class Trainer {
  readonly #config: SettledConfig;
  readonly #state: TrainingState;
  readonly #folder: RunFolder;
  readonly #data: RunData;
  readonly #hooks: TrainHooks;
  readonly #progress: ProgressReporter;
  readonly #trainLoader: Loader;
  readonly #valLoader: Loader;
  readonly #problems: EpochProblems;
  readonly #loss: DetectionLoss;
  readonly #step: TrainingStep;
  /** A GPU works ahead of the program, which waits for it when it reads figures. */
  readonly #batchesPerReading: number;
  /** Undefined on a GPU, which leaves the cores to the loader. */
  readonly #coreSplit: CoreSplitMeter | undefined;

  private constructor(state: TrainingState, folder: RunFolder, data: RunData, hooks: TrainHooks) {
    const { config, model } = state;
    this.#config = config;
    this.#state = state;
    this.#folder = folder;
    this.#data = data;
    this.#hooks = hooks;
    this.#progress = hooks.progress ?? new Progress(config.epochs);
    [this.#trainLoader, this.#valLoader] = loaders(config, data);
    this.#problems = new EpochProblems(folder.file("problems.json"));
    this.#loss = trainingLoss(config, model);
    this.#step = openTrainingStep(state, this.#loss, (line) => this.#progress.note(line));
    if (state.device === "cpu") {
      this.#batchesPerReading = 1;
      this.#coreSplit = new CoreSplitMeter(availableParallelism(), this.#trainLoader.batchCount);
    } else {
      this.#batchesPerReading = BATCHES_PER_READING;
      this.#coreSplit = undefined;
      this.#trainLoader.workers = config.workers ?? Math.min(Math.max(availableParallelism() - 1, 1), MOST_WORKERS);
    }
  }

  /** A new run in a new folder. */
  static async start(given: TrainConfig, hooks: TrainHooks): Promise<Trainer> {
    const data = await openData(given);
    let folder: RunFolder | undefined;
    const notes: string[] = [];
    const note = (line: string): void => void notes.push(line);
    const start =
      given.weights === undefined ? undefined : await openStartWeights(given.weights, { model: given.model, note });
    try {
      const config = settle(absolutePaths({ ...given, ...(start && { weights: start.path }) }), data.train.length);
      const { state, transfer } = TrainingState.fresh(config, data.dataset.names, start);
      folder = newRunFolder(config, state.model.spec.name);
      const taken = folder.create(config);
      if (taken !== undefined) note(taken);
      const trainer = new Trainer(state, folder, data, hooks);
      if (start !== undefined && transfer !== undefined) notes.push(transferText(transfer, state.model, start));
      for (const line of notes) trainer.#progress.note(line);
      trainer.#announce();
      if (start?.fused === true) await trainer.#settleNorms();
      // So that a run that is killed in its first epoch can be resumed too.
      trainer.#save(false);
      return trainer;
    } catch (error) {
      folder?.unlock();
      throw error;
    } finally {
      start?.dispose();
    }
  }

  /** The run of a folder, where its last checkpoint left it; the result of one that has ended. */
  static async resume(folder: RunFolder, asked: TrainConfig, hooks: TrainHooks): Promise<Trainer | TrainResult> {
    const taken = folder.lock();
    try {
      const trainer = await Trainer.#resumeLocked(folder, asked, hooks, taken);
      if (!(trainer instanceof Trainer)) folder.unlock();
      return trainer;
    } catch (error) {
      folder.unlock();
      throw error;
    }
  }

  static async #resumeLocked(folder: RunFolder, asked: TrainConfig, hooks: TrainHooks, taken: string | undefined) {
    const checkpoint = intactCheckpoint(folder);
    try {
      const state = changedState(checkpoint.state, asked, hooks.given ?? []);
      const { config, images, epoch, batch } = state;
      const note = (line: string): void => (hooks.progress ?? new Progress(config.epochs)).note(line);
      if (taken !== undefined) note(taken);
      const ended = endOf(state);
      if (ended !== undefined) {
        note(endText(state, folder));
        return endedResult(state, folder, ended);
      }
      const data = await openData(config);
      const trainer = new Trainer(TrainingState.restored({ ...checkpoint, state }), folder, data, hooks);
      folder.writeArguments(trainer.#config);
      trainer.#announce();
      note(`resumed after epoch ${epoch} of ${config.epochs}${batch > 0 ? ` and ${batch} batches` : ""}`);
      const schedule = scheduleNote(checkpoint.state, state);
      if (schedule !== undefined) note(schedule);
      if (images.train !== data.train.length)
        note(`the data has changed: ${images.train} training images before, ${data.train.length} now`);
      return trainer;
    } finally {
      checkpoint.dispose();
    }
  }

  /** Batch norms that were folded away get statistics of the images that training begins with. */
  async #settleNorms(): Promise<void> {
    const batches: Tensor[] = [];
    let images = 0;
    try {
      for await (const batch of this.#trainLoader.batches(0, { mosaic: this.#hasMosaic(0), firstBatch: 0 })) {
        batches.push(unitImagesOf(batch, this.#state.device));
        images += batch.batchSize;
        if (images >= IMAGES_FOR_NORMS) break;
      }
      this.#state.settleNorms(batches);
    } finally {
      for (const batch of batches) batch.dispose();
    }
    this.#progress.note(`the weights are fused: their batch norms get the statistics of ${images} training images`);
  }

  #hasMosaic(epoch: number): boolean {
    return epoch < this.#config.epochs - this.#config.closeMosaic;
  }

  async run(interrupt: AbortSignal): Promise<TrainResult> {
    const { counters, stopping } = this.#state;
    while (counters.epoch < this.#config.epochs) {
      const trained = await this.#trainEpoch(interrupt);
      const validated = trained.complete ? await this.#validate(interrupt) : undefined;
      if (validated === undefined) return this.#interrupted();
      this.#finishEpoch(trained, validated);
      if (stopping.shouldStop(counters.epoch) && counters.epoch < this.#config.epochs) {
        this.#progress.note(
          `no better fitness since epoch ${stopping.best.epoch}: stopped after epoch ${counters.epoch}`,
        );
        return this.#result("stopped-early");
      }
    }
    return this.#result("completed");
  }

  async close(): Promise<void> {
    this.#progress.stop();
    await Promise.all([this.#trainLoader.close(), this.#valLoader.close()]);
    this.#step.dispose();
    this.#state.dispose();
    this.#folder.unlock();
  }

  /** Trains the rest of the epoch underway; incomplete when interrupted, and then saved. */
  async #trainEpoch(interrupt: AbortSignal): Promise<TrainedEpoch> {
    const { counters, model } = this.#state;
    const { epochs } = this.#config;
    const batches = this.#trainLoader.batchCount;
    const start = performance.now();
    let images = 0;
    this.#state.optimizer.zeroGrad();
    model.train();
    this.#loss.progress = counters.epoch / Math.max(epochs - 1, 1);
    this.#progress.startEpoch(counters.epoch + 1, batches, counters.batch);
    const made = this.#trainLoader.batches(counters.epoch, {
      mosaic: this.#hasMosaic(counters.epoch),
      firstBatch: counters.batch,
    });
    for await (const batch of made) {
      const begun = performance.now();
      const stepped = this.#trainBatch(batch);
      images += batch.batchSize;
      if (counters.batch % this.#batchesPerReading === 0 || counters.batch >= batches) {
        this.#readFigures();
        this.#showStep(images, (performance.now() - start) / 1000);
      }
      this.#splitCores(batch, performance.now() - begun);
      // Between steps there are gradients that a checkpoint would lose.
      if (interrupt.aborted && stepped) break;
    }
    this.#readFigures();
    const seconds = (performance.now() - start) / 1000;
    return { complete: counters.batch >= batches && !interrupt.aborted, images, seconds };
  }

  /** Once enough is measured, shares the cores between loader and libtorch as far as the configuration leaves it open. */
  #splitCores({ makingMs, batchSize }: Batch, trainingMs: number): void {
    const { workers, threads } = this.#config;
    if (this.#coreSplit === undefined || (workers !== undefined && threads !== 0)) return;
    const split = this.#coreSplit.record(makingMs, trainingMs, batchSize);
    if (split === undefined) return;
    if (workers === undefined) this.#trainLoader.workers = split.workers;
    if (threads === 0) setNumThreads(split.threads);
    this.#progress.note(
      `an image takes ${split.makingMs.toFixed(1)} ms to make and ${split.trainingMs.toFixed(1)} ms to train on: ` +
        `loader threads ${workers ?? split.workers}, libtorch threads ${threads || split.threads}`,
    );
  }

  /** Forward, backward and, when enough gradients are summed, a step. @returns whether it stepped */
  #trainBatch(batch: Batch): boolean {
    const { counters, groups } = this.#state;
    const settings = this.#settingsAt(counters.iteration);
    applySettings(groups, settings);
    this.#step.backward(batch);
    const stepped = counters.iteration - counters.lastStep >= settings.accumulate;
    if (stepped) {
      this.#step.update();
      counters.lastStep = counters.iteration;
    }
    counters.iteration++;
    counters.batch++;
    return stepped;
  }

  /** Books what was found of the batches since the last time. */
  #readFigures(): void {
    const { counters } = this.#state;
    for (const figures of this.#step.read()) {
      const { iteration, losses, gradientNorm } = figures;
      this.#assertFinite(losses.box + losses.cls + losses.dfl, "loss", iteration);
      if (gradientNorm !== undefined) this.#assertFinite(gradientNorm, "gradient norm", iteration);
      this.#hooks.onStep?.({ ...figures, epoch: counters.epoch });
      counters.losses = sumOfLosses(counters.losses, losses);
    }
  }

  #settingsAt(iteration: number): StepSettings {
    return stepSettings(iteration, this.#state.counters.epoch, this.#trainLoader.batchCount, this.#config);
  }

  #assertFinite(value: number, what: string, iteration: number): void {
    if (Number.isFinite(value)) return;
    const { epoch } = this.#state.counters;
    const batch = iteration - epoch * this.#trainLoader.batchCount;
    throw new NonFiniteLossError(
      `the ${what} is ${value} at step ${iteration} (epoch ${epoch + 1}, batch ${batch + 1}); ` +
        `the checkpoint of epoch ${epoch} in ${this.#folder.path} is kept. ` +
        "Try a smaller --lr0, and look for boxes of odd size in the data",
    );
  }

  /** Measures the average; nothing when the epoch needs no validation, undefined when interrupted. */
  async #validate(interrupt: AbortSignal): Promise<ValidatedEpoch | undefined> {
    const { epochs, valPeriod, imgsz, batch } = this.#config;
    const epoch = this.#state.counters.epoch + 1;
    if (epoch % valPeriod !== 0 && epoch !== epochs) return { result: undefined, seconds: 0 };
    const start = performance.now();
    try {
      const result = await validateModel(this.#state.ema.model, this.#data.val, {
        names: this.#state.names,
        imageSize: imgsz,
        batchSize: batch,
        loader: this.#valLoader,
        loss: this.#loss,
        // One anchor an object was trained, so what overlaps is meant to.
        nms: this.#state.model.spec.guidance === "coarse-to-fine" ? "none" : "greedy",
        signal: interrupt,
      });
      return { result, seconds: (performance.now() - start) / 1000 };
    } catch (error) {
      if (interrupt.aborted) return undefined;
      throw error;
    }
  }

  /** Books the epoch, writes checkpoints, tables and curves. */
  #finishEpoch(trained: TrainedEpoch, { result, seconds }: ValidatedEpoch): void {
    const { counters, results, stopping } = this.#state;
    // From the formula, not from the optimiser: after a resumption there may have been no batch left in this epoch.
    const { biasLr, lr } = this.#settingsAt(counters.iteration - 1);
    const row: EpochResult = {
      epoch: counters.epoch + 1,
      train: scaledLosses(counters.losses, 1 / counters.batch),
      ...epochFigures(result),
      lr: [biasLr, lr, lr],
      imagesPerSecond: trained.images / Math.max(trained.seconds, Number.EPSILON),
      trainSeconds: trained.seconds,
      valSeconds: seconds,
    };
    results.push(row);
    counters.epoch++;
    counters.batch = 0;
    counters.losses = NO_LOSSES;
    const isBest = row.metrics !== undefined && stopping.record(row.epoch, row.metrics.fitness);
    this.#save(isBest);
    this.#progress.endEpoch(row, (this.#config.epochs - counters.epoch) * (trained.seconds + seconds));
    const found = { train: this.#trainLoader.problems, val: this.#valLoader.problems };
    const bad = this.#problems.report(row.epoch, found);
    if (bad !== undefined) this.#progress.note(bad);
    this.#hooks.onEpoch?.(row);
  }

  #save(isBest: boolean): void {
    const { counters, results } = this.#state;
    const { savePeriod } = this.#config;
    const images = { train: this.#data.train.length, val: this.#data.val.length };
    if (isBest) this.#state.saveWeights(this.#folder.best, images);
    if (savePeriod > 0 && counters.epoch % savePeriod === 0)
      this.#state.saveWeights(this.#folder.epoch(counters.epoch), images);
    this.#state.save(this.#folder.last, images);
    writeWhole(this.#folder.file("results.csv"), resultsCsv(results));
    writeWhole(this.#folder.file("results.json"), JSON.stringify(results, undefined, 2));
    if (results.length > 0)
      writeWhole(this.#folder.file("curves.svg"), curvesSvg(basename(this.#folder.path), results));
  }

  #interrupted(): TrainResult {
    this.#progress.stop();
    this.#save(false);
    this.#progress.note(`stopped and saved; go on with: yolov9 train --resume ${this.#folder.path}`);
    return this.#result("interrupted");
  }

  #result(ended: TrainResult["ended"]): TrainResult {
    const { counters, stopping, results } = this.#state;
    const { path: folder, best, last } = this.#folder;
    const { fitness: bestFitness, epoch: bestEpoch } = stopping.best;
    return { folder, best, last, epochs: counters.epoch, ended, bestEpoch, bestFitness, results };
  }

  #announce(): void {
    const { epochs, batch, nominalBatch, imgsz } = this.#config;
    const { train: training, val, dataset } = this.#data;
    const { device, precision, model } = this.#state;
    const note = (line: string) => this.#progress.note(line);
    note(
      `${model.spec.name} at ${imgsz} px, batch ${batch}, ${epochs} epochs on ${device} in ${precision} → ${this.#folder.path}`,
    );
    note(`${training.length} training and ${val.length} validation images, ${dataset.names.length} classes`);
    if (nominalBatch > batch) note(`a step of the optimiser every ${Math.round(nominalBatch / batch)} batches`);
    for (const line of new Set(dataset.notes)) note(`note: ${line}`);
    for (const line of problemLines(dataset.problems, checkCommand(this.#config.data!))) note(`left out: ${line}`);
    if (!hasObjects(val))
      note("warning: no validation image has an object: nothing can be measured, and no epoch is better than another");
    const notice = warmupNotice(this.#trainLoader.batchCount, this.#config);
    if (notice !== undefined) note(notice);
  }

  #showStep(images: number, seconds: number): void {
    const { counters } = this.#state;
    const imagesPerSecond = images / Math.max(seconds, Number.EPSILON);
    const left = this.#data.train.length - counters.batch * this.#config.batch;
    this.#progress.step({
      done: counters.batch,
      losses: scaledLosses(counters.losses, 1 / counters.batch),
      imagesPerSecond,
      secondsLeft: Math.max(left, 0) / imagesPerSecond,
    });
  }
}

/** @throws Error naming the damage, and the checkpoints that are intact */
function intactCheckpoint(folder: RunFolder): Checkpoint {
  try {
    return readCheckpoint(folder.last);
  } catch (error) {
    throw withIntactCheckpoints(error, folder);
  }
}

function endedResult(
  state: CheckpointState,
  { path, best, last }: RunFolder,
  ended: TrainResult["ended"],
): TrainResult {
  const { epoch, best: found, results } = state;
  return {
    folder: path,
    best,
    last,
    epochs: epoch,
    ended,
    bestEpoch: found.epoch,
    bestFitness: found.fitness,
    results,
  };
}

interface TrainedEpoch {
  readonly complete: boolean;
  /** Images trained on in this process; fewer than the epoch's when it was resumed in the middle. */
  readonly images: number;
  readonly seconds: number;
}

interface ValidatedEpoch {
  readonly result: ValidationResult | undefined;
  readonly seconds: number;
}
