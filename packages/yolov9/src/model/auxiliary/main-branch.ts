/**
 * What an auxiliary branch needs to know of the model that it is attached to: the chain of the first backbone, its features at the
 * strides of the lead head, and the neck.
 */
import { planModel, type PlannedFeature } from "../plan.js";
import { IMAGE, withoutAuxiliary, type ModelSpec, type Row } from "../spec.js";

export interface MainBranch {
  readonly spec: ModelSpec;
  /** Rows of the first backbone, each fed by the one before, from the image on. */
  readonly chain: readonly PlannedFeature[];
  /** Of the lead head's levels, finest first. */
  readonly strides: readonly number[];
  /** The features to hang on, one for each stride. */
  readonly features: readonly PlannedFeature[];
  /** The lead head's row and its inputs, one for each stride. */
  readonly lead: Row;
  readonly neckOutputs: readonly PlannedFeature[];
  readonly neck: readonly PlannedFeature[];
  /** Any row by its name. */
  row(name: string): PlannedFeature | undefined;
}

/**
 * @param features names of the features to hang on, or nothing for the last rows of the first backbone at the heads' strides
 * @throws Error when there is no such row, or none of a stride
 */
export function mainBranch(spec: ModelSpec, features?: readonly string[]): MainBranch {
  const plan = planModel(withoutAuxiliary(spec));
  const rows = plan.rows.filter((planned) => planned.kind === "feature");
  const byName = new Map(rows.map((planned) => [planned.row.name, planned]));
  const chain = firstBackbone(rows.filter(({ section }) => section === "backbone"));
  const named = (name: string): PlannedFeature => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`${spec.name}: no row "${name}" to attach an auxiliary branch to`);
    return found;
  };
  const lastAt = (stride: number): PlannedFeature => {
    const found = chain.filter(({ output }) => output.stride === stride).at(-1);
    if (found === undefined) {
      throw new Error(`${spec.name}: the backbone has no feature of stride ${stride}; name the features to attach to`);
    }
    return found;
  };
  const chosen = features?.map(named) ?? plan.strides.map(lastAt);
  const strides = chosen.map(({ output }) => output.stride);
  if (strides.join() !== plan.strides.join()) {
    throw new Error(
      `${spec.name}: the features have strides ${strides.join(", ")}, but the lead head ${plan.strides.join(", ")}`,
    );
  }
  return {
    spec,
    chain,
    strides: plan.strides,
    features: chosen,
    lead: plan.lead.row,
    neckOutputs: plan.lead.row.from.map(named),
    neck: rows.filter(({ section }) => section === "neck"),
    row: (name) => byName.get(name),
  };
}

function firstBackbone(backbone: readonly PlannedFeature[]): PlannedFeature[] {
  const chain: PlannedFeature[] = [];
  for (const planned of backbone) {
    const previous = chain.at(-1)?.row.name ?? IMAGE;
    if (planned.row.from.join() !== previous) break;
    chain.push(planned);
  }
  return chain;
}
