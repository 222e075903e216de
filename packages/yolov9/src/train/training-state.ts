/**
 * Everything that changes while a run trains: model, average, optimiser and counters. It is made fresh from a configuration or restored
 * from a checkpoint, and knows how to save itself; it does not know the data or the loop.
 */
import {
  generatorState,
  manualSeed,
  resolveDevice,
  resolvePrecision,
  setGeneratorState,
  setNumThreads,
  SGD,
  tensor,
} from "@yolov9/torch";
import type { Precision, Tensor } from "@yolov9/torch";
import { availableParallelism } from "node:os";
import { UsageError } from "../config/index.js";
import type { TrainConfig } from "../config/index.js";
import type { LossItems } from "../loss/index.js";
import { buildModel, loadModelSpec, settleNorms, withoutAuxiliary } from "../model/index.js";
import type { DetectionModel, ModelSpec } from "../model/index.js";
import { writeCheckpoint } from "./checkpoint.js";
import type { Checkpoint, CheckpointState } from "./checkpoint.js";
import { EarlyStopping } from "./early-stopping.js";
import { ExponentialMovingAverage } from "./ema.js";
import { parameterGroups } from "./parameter-groups.js";
import type { ParameterGroups } from "./parameter-groups.js";
import type { EpochResult } from "./results.js";
import { settle, type SettledConfig } from "./schedule.js";
import { NO_LOSSES } from "./training-loss.js";
import { transferWeights } from "./transfer.js";
import type { Transfer } from "./transfer.js";
import type { StartWeights } from "../weights/start-weights.js";

/** Where a run is. */
export interface Counters {
  /** Whole epochs done, and batches of the one underway. */
  epoch: number;
  batch: number;
  /** Batches done over all epochs, and the number of the one at which the optimiser last stepped. */
  iteration: number;
  lastStep: number;
  /** Sums of the losses over the batches of the epoch underway. */
  losses: LossItems;
}

export interface ImageCounts {
  readonly train: number;
  readonly val: number;
}

export class TrainingState {
  readonly config: SettledConfig;
  readonly names: readonly string[];
  readonly model: DetectionModel;
  readonly ema: ExponentialMovingAverage<DetectionModel>;
  readonly groups: ParameterGroups;
  readonly optimizer: SGD;
  readonly stopping: EarlyStopping;
  readonly results: EpochResult[] = [];
  readonly device: string;
  /** Of the convolutions while training. */
  readonly precision: Precision;
  counters: Counters = { epoch: 0, batch: 0, iteration: 0, lastStep: -1, losses: NO_LOSSES };

  private constructor(config: SettledConfig, names: readonly string[], model: DetectionModel) {
    this.config = config;
    this.names = names;
    this.device = resolveDevice(config.device);
    this.precision = resolvePrecision(config.precision, this.device);
    if (config.checkpointActivations && this.device !== "cpu")
      throw new UsageError(`--checkpoint-activations works on the CPU only, not on ${this.device}`);
    this.model = this.#place(model);
    this.model.checkpointing = config.checkpointActivations;
    const average = this.#place(buildModel(model.spec, { names }));
    this.ema = new ExponentialMovingAverage(model, average, { decay: config.emaDecay, tau: config.emaTau });
    this.groups = parameterGroups(model, config);
    this.optimizer = new SGD(this.groups);
    this.stopping = new EarlyStopping(config.patience);
  }

  /** A run at its very start; `transfer` says what was taken of the weights that it starts from. */
  static fresh(
    config: SettledConfig,
    names: readonly string[],
    start?: StartWeights,
  ): { state: TrainingState; transfer: Transfer | undefined } {
    useThreads(config);
    manualSeed(config.seed);
    const model = buildModel(trainedSpec(config, start?.spec), { names });
    const transfer = start === undefined ? undefined : transferWeights(model, start);
    return { state: new TrainingState(config, names, model), transfer };
  }

  /** A run exactly where its checkpoint was saved. */
  static restored(checkpoint: Checkpoint): TrainingState {
    const { config: saved, names, spec, emaUpdates, best, patienceFrom, results, ...counters } = checkpoint.state;
    if (checkpoint.state.kind !== "training") {
      throw new Error(`${checkpoint.path}: holds weights only and cannot be resumed; resume last.safetensors`);
    }
    const config = settle(saved, checkpoint.state.images.train);
    useThreads(config);
    const state = new TrainingState(config, names, buildModel(spec, { names }));
    state.model.loadStateDict(checkpoint.group("model/"));
    state.ema.model.loadStateDict(checkpoint.group("ema/"));
    state.ema.updates = emaUpdates;
    state.optimizer.loadStateDict(checkpoint.group("optimizer/"));
    state.stopping.best = best;
    state.stopping.from = patienceFrom;
    state.results.push(...results);
    const { epoch, batch, iteration, lastStep, losses } = counters;
    state.counters = { epoch, batch, iteration, lastStep, losses };
    const generator = checkpoint.group("generator/").get("cpu");
    if (generator !== undefined) restoreGenerator(generator.toBytes());
    return state;
  }

  /**
   * Gives batch norms without statistics those of images, before the first step.
   * @param batches [B, 3, H, W] each, RGB in 0..1, on the device
   */
  settleNorms(batches: readonly Tensor[]): void {
    settleNorms(this.model, batches);
    this.ema.model.loadStateDict(this.model.stateDict());
  }

  /** Writes a checkpoint that a run can be resumed from. */
  save(path: string, images: ImageCounts): void {
    using generator = generatorState();
    writeCheckpoint(path, this.#describe("training", images), {
      "model/": this.model.stateDict(),
      "ema/": this.ema.model.stateDict(),
      "optimizer/": this.optimizer.stateDict(),
      "generator/": new Map([["cpu", generator]]),
    });
  }

  /** Writes the averaged weights alone. */
  saveWeights(path: string, images: ImageCounts): void {
    writeCheckpoint(path, this.#describe("weights", images), { "ema/": this.ema.model.stateDict() });
  }

  dispose(): void {
    this.optimizer.zeroGrad();
    this.optimizer.dispose();
    this.ema.model.dispose();
    this.model.dispose();
  }

  #describe(kind: CheckpointState["kind"], images: ImageCounts): CheckpointState {
    return {
      kind,
      savedAt: new Date().toISOString(),
      config: this.config,
      names: [...this.names],
      spec: this.model.spec,
      images,
      ...this.counters,
      emaUpdates: this.ema.updates,
      best: this.stopping.best,
      patienceFrom: this.stopping.from,
      results: this.results,
    };
  }

  /** On the device, and in the memory layout in which convolutions are fastest. */
  #place(model: DetectionModel): DetectionModel {
    return model.to({ device: this.device, memoryFormat: "channels_last" });
  }
}

/**
 * As the configuration changes it, so that what was trained says how.
 * @param own of the weights that it starts from, where they say it
 */
export function trainedSpec({ model, auxiliary, guidance }: TrainConfig, own: ModelSpec | undefined): ModelSpec {
  const spec = model === undefined && own !== undefined ? own : loadModelSpec(model ?? DEFAULT_MODEL);
  const guided = { ...spec, guidance: guidance ?? spec.guidance };
  return auxiliary ? guided : withoutAuxiliary(guided);
}

const DEFAULT_MODEL = "yolov9-t";

function useThreads({ threads }: TrainConfig): void {
  setNumThreads(threads === 0 ? availableParallelism() : threads);
}

function restoreGenerator(bytes: Uint8Array): void {
  using state = tensor(bytes);
  setGeneratorState(state);
}
