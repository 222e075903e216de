// The tensors of an optimiser's step as lists that are handed to libtorch once, not at every step.
import { TensorList } from "../tensor-list.js";
import type { Tensor } from "../tensor.js";

export type Averages = ReadonlyMap<Tensor, Tensor>;

/** What belongs to some parameters, at the same index. */
export class GroupLists {
  readonly parameters: TensorList;
  readonly momenta: TensorList;
  /** Holes where a parameter has none. */
  readonly averages: TensorList;

  constructor(
    parameters: readonly Tensor[],
    momentumOf: (parameter: Tensor) => Tensor,
    averages: Averages | undefined,
  ) {
    this.parameters = new TensorList(parameters);
    this.momenta = new TensorList(parameters.map(momentumOf));
    this.averages = new TensorList(parameters.map((parameter) => averages?.get(parameter)));
  }

  dispose(): void {
    for (const list of [this.parameters, this.momenta, this.averages]) list.dispose();
  }
}

/** Averages and what they follow, without those of given parameters. */
export class FollowerLists {
  readonly averages: TensorList;
  readonly sources: TensorList;

  constructor(averages: Averages, moved: ReadonlySet<Tensor>) {
    const others = [...averages].filter(([source]) => !moved.has(source));
    this.averages = new TensorList(others.map(([, average]) => average));
    this.sources = new TensorList(others.map(([source]) => source));
  }

  dispose(): void {
    for (const list of [this.averages, this.sources]) list.dispose();
  }
}

/** All lists of a step. */
export class StepLists {
  readonly groups: readonly GroupLists[];
  readonly followers: FollowerLists | undefined;

  /** @param groups the parameters that move, and `averages` of them and of others */
  constructor(
    groups: readonly (readonly Tensor[])[],
    momentumOf: (parameter: Tensor) => Tensor,
    averages: Averages | undefined,
  ) {
    const moved = new Set(groups.flat());
    this.groups = groups.map((parameters) => new GroupLists(parameters, momentumOf, averages));
    this.followers = averages && new FollowerLists(averages, moved);
  }

  dispose(): void {
    for (const lists of this.groups) lists.dispose();
    this.followers?.dispose();
  }
}
