/**
 * The names that published checkpoints give to weights (`model.4.cv2.0.m.0.cv1.conv1.conv.weight`), as a mapping at the border:
 * inside, every tensor is known by its row and role. A published name is `model.<index of the row>.<names of the published
 * modules>`; all heads share the last index and number their branches cv2, cv3 (first auxiliary head) up to the lead head's.
 */
import { arange, noGrad, scope, type Module, type Tensor } from "@yolov9/torch";
import { RepBottleneck } from "./blocks/bottleneck.js";
import { Conv } from "./blocks/conv.js";
import { DepthwiseConv } from "./blocks/depthwise-conv.js";
import { Branch, DetectionHead } from "./blocks/detect.js";
import { AConv, ADown } from "./blocks/downsample.js";
import { ELAN1 } from "./blocks/elan1.js";
import { GELAN, GelanStage } from "./blocks/gelan.js";
import { findBlock } from "./blocks/registry.js";
import { Repeat } from "./blocks/repeat.js";
import { RepConv } from "./blocks/rep-conv.js";
import { RepCSP } from "./blocks/rep-csp.js";
import { SPPELAN } from "./blocks/sppelan.js";
import type { DetectionModel, HeadStep } from "./detection-model.js";
import { IMAGE, type ModelSpec } from "./spec.js";

const PREFIX = "model";

type ModuleClass = abstract new (...args: never[]) => Module;

/** Published names of the members of a block; a member that is not listed keeps its own. */
const memberNames: readonly (readonly [ModuleClass, Readonly<Record<string, string>>])[] = [
  [Conv, { norm: "bn" }],
  [RepConv, { spatial: "conv1", pointwise: "conv2", fused: "conv" }],
  [RepBottleneck, { reparameterised: "cv1", conv: "cv2" }],
  [RepCSP, { main: "cv1", bypass: "cv2", merge: "cv3", bottlenecks: "m" }],
  [GelanStage, { inner: "0", conv: "1" }],
  [SPPELAN, { reduce: "cv1", merge: "cv5" }],
  [AConv, { conv: "cv1" }],
  [ADown, { strided: "cv1", pooled: "cv2" }],
  [DepthwiseConv, { depthwise: "0", pointwise: "1" }],
  [Branch, { first: "0", second: "1", predict: "2" }],
];

/**
 * The index of every feature row in the published checkpoint, and that of the heads. Where more than one row takes the image,
 * the published model begins with a layer that only hands it on, so the first row has index 1.
 */
export function publishedIndices(spec: ModelSpec): { rows: Map<string, number>; head: number } {
  const rows = new Map<string, number>();
  const all = [...spec.backbone, ...spec.neck, ...spec.auxiliary];
  let index = all.filter((row) => row.from.includes(IMAGE)).length > 1 ? 1 : 0;
  for (const section of spec.publishedOrder) {
    for (const row of spec[section]) if (findBlock(row.block).kind !== "head") rows.set(row.name, index++);
  }
  return { rows, head: index };
}

/**
 * Every tensor under its published name, in the published order. The tensors are the model's own, but for the constant bins of
 * the box distributions (`dfl.conv.weight`), which are made anew.
 */
export function officialStateDict(model: DetectionModel): Map<string, Tensor> {
  return new Map([...ownTensors(model), ...distributionBins(model)]);
}

/** What does not fit between given weights and a model. */
export interface Mismatches {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** With both shapes, or with what is wrong with the values. */
  readonly wrong: readonly string[];
}

/** Given weights do not fit the model; nothing was copied. */
export class StateDictMismatch extends Error {
  readonly mismatches: Mismatches;

  constructor(mismatches: Mismatches) {
    super(`the weights do not fit the model:\n${describe(mismatches)}`);
    this.mismatches = mismatches;
  }
}

/**
 * Copies weights with published names into a model of the same form (fused or not). The constant `dfl` bins may be left out.
 * @throws StateDictMismatch unless every tensor finds its place
 */
export function loadOfficialStateDict(model: DetectionModel, given: ReadonlyMap<string, Tensor>): void {
  const own = ownTensors(model);
  const bins = scope(() => distributionBins(model).map(([key, tensor]) => [key, [...tensor.toArray()]] as const));
  const known = new Set([...own, ...bins].map(([key]) => key));
  const mismatches: Mismatches = {
    missing: own.map(([key]) => key).filter((key) => !given.has(key)),
    unexpected: [...given.keys()].filter((key) => !known.has(key)),
    wrong: [
      ...own.flatMap(([key, tensor]) => shapeProblem(key, tensor.shape, given.get(key)?.shape)),
      ...bins.flatMap(([key, values]) => binProblem(key, values, given.get(key))),
    ],
  };
  if (Object.values(mismatches).some((list: readonly string[]) => list.length > 0)) {
    throw new StateDictMismatch(mismatches);
  }
  noGrad(() => scope(() => own.forEach(([key, tensor]) => tensor.copy_(given.get(key)!))));
}

function ownTensors(model: DetectionModel): [string, Tensor][] {
  const { rows, head } = publishedIndices(model.spec);
  const body = model.steps
    .flatMap((step) => (step.kind !== "head" ? [{ block: step.block, index: rows.get(step.name)! }] : []))
    .sort((a, b) => a.index - b.index);
  return [
    ...body.flatMap(({ block, index }) => publishedTensors(block, `${PREFIX}.${index}`)),
    ...headsInPublishedOrder(model).flatMap((step, i) => headTensors(step, `${PREFIX}.${head}`, i)),
  ];
}

/** Auxiliary heads first, the lead head last. */
function headsInPublishedOrder(model: DetectionModel): HeadStep[] {
  const heads = model.steps.filter((step) => step.kind === "head");
  return [...heads.filter((step) => step.section === "auxiliary"), ...heads.filter((step) => step.section === "head")];
}

function headTensors({ head }: HeadStep, prefix: string, position: number): [string, Tensor][] {
  if (!(head instanceof DetectionHead)) return publishedTensors(head, prefix);
  const branches = [
    { name: `cv${2 + 2 * position}`, levels: head.boxes },
    { name: `cv${3 + 2 * position}`, levels: head.classes },
    // No published model has this branch.
    { name: `objectness${position === 0 ? "" : position + 1}`, levels: head.objectness },
  ];
  return branches.flatMap(({ name, levels }) =>
    levels.flatMap((branch, level) => publishedTensors(branch, `${prefix}.${name}.${level}`)),
  );
}

/** The frozen weights 0, 1 … of the convolution that published heads take the expectation with: [1, regMax, 1, 1]. */
function distributionBins(model: DetectionModel): [string, Tensor][] {
  const { head } = publishedIndices(model.spec);
  const { dtype, device } = model.parameters()[0]![1];
  return headsInPublishedOrder(model).map((_, i) => [
    `${PREFIX}.${head}.dfl${i === 0 ? "" : String(i + 1)}.conv.weight`,
    scope(() => arange(model.regMax, { dtype, device }).view([1, model.regMax, 1, 1])),
  ]);
}

function publishedTensors(module: Module, prefix: string): [string, Tensor][] {
  return [
    ...module.ownTensors().map(([name, tensor]): [string, Tensor] => [`${prefix}.${name}`, tensor]),
    ...module
      .children()
      .flatMap(([name, child]) => publishedTensors(child, `${prefix}.${publishedMember(module, name)}`)),
  ];
}

/** @param name as `children()` gives it: a property, or `property.index` */
function publishedMember(module: Module, name: string): string {
  const [property, index] = name.split(".");
  if (module instanceof GELAN || module instanceof ELAN1) return elanMember(module.stages.length, property!, index);
  if (module instanceof Repeat) return index!;
  const renamed = memberNames.find(([Class]) => module instanceof Class)?.[1][property!] ?? property!;
  return index === undefined ? renamed : `${renamed}.${index}`;
}

/** cv1 splits, cv2 … are the stages, the last merges. */
function elanMember(stages: number, property: string, index: string | undefined): string {
  if (property === "split") return "cv1";
  return property === "merge" ? `cv${stages + 2}` : `cv${Number(index) + 2}`;
}

function shapeProblem(key: string, own: readonly number[], given: readonly number[] | undefined): string[] {
  if (given === undefined || own.join() === given.join()) return [];
  return [`${key} is [${given.join(", ")}], the model has [${own.join(", ")}]`];
}

function binProblem(key: string, expected: readonly (number | bigint)[], given: Tensor | undefined): string[] {
  if (given === undefined || [...given.toArray()].join() === expected.join()) return [];
  return [`${key} does not hold the numbers 0 to ${expected.length - 1}`];
}

const SHOWN = 10;

function describe({ missing, unexpected, wrong }: Mismatches): string {
  const part = (title: string, list: readonly string[]): string[] => {
    if (list.length === 0) return [];
    const more = list.length > SHOWN ? `\n    … and ${list.length - SHOWN} more` : "";
    return [`  ${title} (${list.length}):\n    ${list.slice(0, SHOWN).join("\n    ")}${more}`];
  };
  return [...part("missing", missing), ...part("unexpected", unexpected), ...part("wrong", wrong)].join("\n");
}
