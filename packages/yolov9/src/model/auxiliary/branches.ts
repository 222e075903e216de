/**
 * The rows of each kind of auxiliary branch, made from the rows of the main branch: what is called a copy here has weights of its
 * own. A branch is its rows and, for each level of its head, the name of the feature that the head looks at.
 */
import type { PlannedFeature } from "../plan.js";
import type { Row } from "../spec.js";
import { IMAGE } from "../spec.js";
import type { MainBranch } from "./main-branch.js";
import type { BackboneBranch } from "./options.js";

export interface Branch {
  readonly rows: readonly Row[];
  /** Finest first. */
  readonly levels: readonly string[];
}

export interface BranchSettings {
  /** Begins the names of all rows of the branch. */
  readonly prefix: string;
  readonly columns: number | undefined;
  readonly saveMemory: boolean | undefined;
}

type BranchMaker = (main: MainBranch, settings: BranchSettings) => Branch;

export const backboneBranches: Readonly<Record<Exclude<BackboneBranch, "none">, BranchMaker>> = {
  PFH: (main) => ({ rows: [], levels: namesOf(main.features) }),
  FPN: (main, { prefix }) => {
    const topDown = ancestors(main, main.neckOutputs[0]!);
    const copies = copyNeck(main, topDown, prefix);
    const levels = main.strides.map((stride) => {
      const last = topDown.filter(({ output }) => output.stride === stride).at(-1);
      if (last === undefined) throw new Error(`${main.spec.name}: the neck has no top-down half with stride ${stride}`);
      return prefixed(prefix, last.row.name);
    });
    return { rows: copies, levels };
  },
  PAN: (main, { prefix }) => ({
    rows: copyNeck(main, main.neck, prefix),
    levels: main.neckOutputs.map(({ row }) => prefixed(prefix, row.name)),
  }),
  ICN: (main, settings) => compositeBackbone(main, main.features, settings, Math.min(...main.strides)),
  DHLC: (main, settings) => {
    const finest = Math.min(...main.chain.map(({ output }) => output.stride));
    const strides = [...new Set(main.chain.map(({ output }) => output.stride))];
    const contributors = strides.map((stride) => main.chain.filter(({ output }) => output.stride === stride).at(-1)!);
    return compositeBackbone(main, contributors, settings, finest);
  },
  reversible: (main, { prefix, columns, saveMemory }) => {
    const name = `${prefix}Columns`;
    const row: Row = {
      name,
      from: namesOf(main.features),
      block: "ReversibleColumns",
      ...(columns === undefined ? {} : { columns }),
      ...(saveMemory === undefined ? {} : { saveMemory }),
    };
    return { rows: [row], levels: main.strides.map((_, i) => `${name}.${i}`) };
  },
};

/** ICN on the neck's side: its outputs contribute to the second backbone. */
export const neckBranch: BranchMaker = (main, settings) =>
  compositeBackbone(main, main.neckOutputs, settings, Math.min(...main.strides));

/**
 * A copy of the first backbone that begins at the image again. Where it reaches a new stride (from `finest` on), the contributors
 * of that and all coarser strides are added: each is projected once, into one piece for every place that it contributes to.
 */
function compositeBackbone(
  { chain, strides }: MainBranch,
  contributors: readonly PlannedFeature[],
  { prefix }: BranchSettings,
  finest: number,
): Branch {
  const entries = new Map<number, PlannedFeature>();
  for (const planned of chain) {
    const { stride } = planned.output;
    if (stride >= finest && !entries.has(stride)) entries.set(stride, planned);
  }
  const places = [...entries.keys()];
  const linkName = (stride: number): string => `${prefix}Link${level(stride)}`;
  const links = contributors.map(({ row, output }): Row => {
    const out = places
      .filter((stride) => stride <= output.stride)
      .map((stride) => entries.get(stride)!.output.channels);
    return { name: linkName(output.stride), from: [row.name], block: "CBLinear", out };
  });
  const rows: Row[] = [];
  let previous = IMAGE;
  const add = (row: Row): void => {
    rows.push(row);
    previous = row.name;
  };
  for (const planned of chain) {
    const { row, output } = planned;
    add({ ...row, name: prefixed(prefix, row.name), from: [previous] });
    if (entries.get(output.stride) !== planned) continue;
    const piece = places.indexOf(output.stride);
    const givers = contributors.filter((contributor) => contributor.output.stride >= output.stride);
    add({
      name: `${prefix}Fuse${level(output.stride)}`,
      from: [...givers.map((giver) => linkName(giver.output.stride)), previous],
      block: "CBFuse",
      take: givers.map(() => piece),
    });
  }
  const levels = strides.map((stride) => {
    const last = chain.filter(({ output }) => output.stride === stride).at(-1)!;
    return prefixed(prefix, last.row.name);
  });
  return { rows: [...links, ...rows], levels };
}

/** Copies of rows of the neck on the features that the branch hangs on. */
function copyNeck(main: MainBranch, neck: readonly PlannedFeature[], prefix: string): Row[] {
  const copied = new Set(namesOf(neck));
  const input = (name: string): string => {
    if (copied.has(name)) return prefixed(prefix, name);
    const stride = main.row(name)?.output.stride;
    const feature = main.features.find(({ output }) => output.stride === stride);
    if (feature === undefined) throw new Error(`${main.spec.name}: the neck takes "${name}", whose stride no head has`);
    return feature.row.name;
  };
  return neck.map(({ row }) => ({ ...row, name: prefixed(prefix, row.name), from: row.from.map(input) }));
}

/** The rows of the neck that a feature is computed from, itself included, in the order in which they run. */
function ancestors(main: MainBranch, feature: PlannedFeature): PlannedFeature[] {
  const wanted = new Set([feature.row.name]);
  return [...main.neck]
    .reverse()
    .filter(({ row }) => {
      if (!wanted.has(row.name)) return false;
      for (const name of row.from) wanted.add(name);
      return true;
    })
    .reverse();
}

function namesOf(rows: readonly PlannedFeature[]): string[] {
  return rows.map(({ row }) => row.name);
}

/** `aux` and `down3` make `auxDown3`. */
function prefixed(prefix: string, name: string): string {
  return prefix + name.charAt(0).toUpperCase() + name.slice(1);
}

/** P3 is the level of stride 8. */
function level(stride: number): number {
  return Math.log2(stride);
}
