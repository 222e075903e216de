/**
 * Which model weights with published names belong to. The zoo is ranked by the layers' channels, without building anything; the best
 * candidates are then built and must take every tensor. Class count, kinds and widths of the heads follow the tensors, so that the narrower
 * class branches of the published T, plain heads and depthwise ones all find a model.
 */
import type { Tensor } from "@yolov9/torch";
import {
  buildModel,
  fuse,
  loadModelSpec,
  loadOfficialStateDict,
  modelNames,
  planModel,
  publishedIndices,
  StateDictMismatch,
  withoutAuxiliary,
  type Activation,
  type DetectionModel,
  type ModelSpec,
  type PlannedHead,
  type Row,
} from "../model/index.js";
import { boxWidth, classWidth, SIDES } from "../model/blocks/detect.js";
import { publishedTraits, withPublishedPrefix, type HeadTraits, type PublishedTraits } from "./published-traits.js";

interface RecognisedModel {
  /** In evaluation mode, fused when the weights are, float32; the caller disposes of it. */
  readonly model: DetectionModel;
  readonly traits: PublishedTraits;
}

interface RecognitionOptions {
  /** The architecture, where it is known; its auxiliary section is dropped where the weights have one head. Default: looked for in the zoo. */
  readonly spec?: ModelSpec | undefined;
  /** Class names for the number of classes that the weights turn out to have. Default: numbers. */
  readonly names?: ((classCount: number) => readonly string[] | undefined) | undefined;
  /** Where something tells it; tensors do not. */
  readonly activation?: Activation | undefined;
}

/** Candidates that are built before giving up: such as agree with the layers nearly as well as the best one. */
const MOST_TRIALS = 4;
const NEARLY = 0.05;
/** A layer may be two convolutions side by side, each of half the channels. */
const SIDE_BY_SIDE = [1, 2];

/**
 * @param weights names → tensors, copied
 * @throws Error with what does not fit the nearest model
 */
export function recogniseModel(
  weights: ReadonlyMap<string, Tensor>,
  { spec, names, activation }: RecognitionOptions = {},
): RecognisedModel {
  const tensors = withPublishedPrefix(weights);
  const traits = publishedTraits(new Map([...tensors].map(([key, tensor]) => [key, tensor.shape])));
  const candidates = spec === undefined ? rankedZoo(traits) : [matchHeadCount(spec, traits)];
  const misfits: { name: string; error: StateDictMismatch }[] = [];
  for (const candidate of candidates.slice(0, MOST_TRIALS)) {
    try {
      return { model: modelOf(candidate, traits, tensors, { names, activation }), traits };
    } catch (error) {
      if (!(error instanceof StateDictMismatch)) throw error;
      misfits.push({ name: candidate.name, error });
    }
  }
  const nearest = misfits.reduce((best, misfit) => (size(misfit.error) < size(best.error) ? misfit : best));
  if (spec !== undefined) throw nearest.error;
  throw new Error(
    `no model of the zoo takes these weights (--model names a model file of your own); the nearest is ` +
      `${nearest.name}: ${nearest.error.message}`,
    { cause: nearest.error },
  );
}

function size({ mismatches: { missing, unexpected, wrong } }: StateDictMismatch): number {
  return missing.length + unexpected.length + wrong.length;
}

function modelOf(
  spec: ModelSpec,
  traits: PublishedTraits,
  tensors: ReadonlyMap<string, Tensor>,
  options: Omit<RecognitionOptions, "spec">,
): DetectionModel {
  const { classCount } = traits;
  const { names, activation } = options;
  const model = buildModel(withHeads(spec, traits), { classCount, names: names?.(classCount), activation });
  try {
    if (traits.fused) fuse(model);
    loadOfficialStateDict(model, tensors);
    return model.eval();
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The models of the zoo that agree with most of the layers, the best first. */
function rankedZoo(traits: PublishedTraits): ModelSpec[] {
  const ranked = modelNames()
    .map((name) => matchHeadCount(loadModelSpec(name), traits))
    .filter((spec, i, all) => !isDeployedTwin(spec, all.slice(0, i)))
    .map((spec) => ({ spec, score: agreement(spec, traits) }))
    .sort((a, b) => b.score - a.score);
  const [best] = ranked;
  return ranked.flatMap(({ spec, score }) => (best !== undefined && score > best.score - NEARLY ? [spec] : []));
}

/** `yolov9-t` without its auxiliary section is `gelan-t`, which comes earlier. */
function isDeployedTwin(spec: ModelSpec, earlier: readonly ModelSpec[]): boolean {
  const rows = ({ backbone, neck, head, auxiliary }: ModelSpec): string =>
    JSON.stringify([backbone, neck, head, auxiliary]);
  return earlier.some((other) => rows(other) === rows(spec) && other.activation === spec.activation);
}

/** Share of the layers whose channels agree, less what numbers of heads and head options differ. */
function agreement(spec: ModelSpec, traits: PublishedTraits): number {
  const plan = planModel(spec);
  const { rows, head } = publishedIndices(spec);
  let agreeing = 0;
  for (const planned of plan.rows) {
    if (planned.kind !== "feature") continue;
    const channels = traits.layerChannels.get(rows.get(planned.row.name)!);
    if (channels !== undefined && SIDE_BY_SIDE.some((factor) => factor * channels === planned.output.channels))
      agreeing++;
  }
  const heads = plan.auxiliaries.length + 1;
  const share = agreeing / traits.layerChannels.size;
  const differing = Number(head !== traits.headIndex) + Number(heads !== traits.heads.length);
  const changes = [...plan.auxiliaries, plan.lead].flatMap((planned, i) => {
    const own = traits.heads[i];
    return own === undefined ? [] : Object.keys(changedOptions(planned, own, spec.name, traits));
  });
  // Between twins, the one whose heads need fewer changes.
  return share - differing - changes.length / 1000;
}

function matchHeadCount(spec: ModelSpec, traits: PublishedTraits): ModelSpec {
  return traits.heads.length === 1 ? withoutAuxiliary(spec) : spec;
}

/** The spec with the rows of its heads changed to what the weights have. */
function withHeads(spec: ModelSpec, traits: PublishedTraits): ModelSpec {
  const plan = planModel(spec);
  const changes = new Map<string, Row>();
  for (const [i, planned] of [...plan.auxiliaries, plan.lead].entries()) {
    const own = traits.heads[i];
    const changed = own === undefined ? {} : changedOptions(planned, own, spec.name, traits);
    if (Object.keys(changed).length > 0) changes.set(planned.row.name, { ...planned.row, ...changed });
  }
  const change = (row: Row): Row => changes.get(row.name) ?? row;
  const { regMax } = traits;
  return { ...spec, regMax, head: spec.head.map(change), auxiliary: spec.auxiliary.map(change) };
}

/** Options that a head's row must get; empty when it has them all. */
function changedOptions(
  { row, inputs }: PlannedHead,
  { boxGroups, ...traits }: HeadTraits,
  model: string,
  { classCount, regMax }: PublishedTraits,
): Partial<Row> {
  const finest = inputs[0]!.channels;
  const now: Record<string, unknown> = {
    block: row.block,
    boxWidth: row["boxWidth"] ?? boxWidth(finest, regMax, boxGroups),
    classWidth: row["classWidth"] ?? classWidth(finest, classCount),
    classConvolution: row["classConvolution"] ?? "full",
  };
  const wanted: Record<string, unknown> = { block: blockOf(boxGroups, model), ...traits };
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => now[key] !== value));
}

function blockOf(boxGroups: number, name: string): string {
  if (boxGroups === 1) return "Detect";
  if (boxGroups === SIDES) return "DecoupledDetect";
  throw new Error(`${name}: the box branches have ${boxGroups} groups; only 1 and ${SIDES} are known`);
}
