/**
 * Attaches an auxiliary branch (PGI) to a model: rows for the `auxiliary` section, which a deployed model does not have, and how
 * its heads are guided. The main branch is not touched.
 */
import { rememberOrigin, originOf, type ModelSpec, type Row } from "../spec.js";
import { backboneBranches, neckBranch, type Branch } from "./branches.js";
import { lightRow, narrow } from "./light.js";
import { mainBranch, type MainBranch } from "./main-branch.js";
import { auxiliaryOptionsSchema, type AuxiliaryOptions } from "./options.js";

const BACKBONE_PREFIX = "aux";
const NECK_PREFIX = "auxNeck";

/**
 * @param spec a model with or without auxiliary branch; one that it has is replaced
 * @returns a new spec
 * @throws Error when the model has no such features, or the options are wrong
 */
export function withAuxiliary(spec: ModelSpec, options: AuxiliaryOptions): ModelSpec {
  const { backbone, neck, heads, features, light, guidance, weight, ...columns } =
    auxiliaryOptionsSchema.parse(options);
  const main = mainBranch(spec, features);
  const settings = { columns: columns.columns, saveMemory: columns.saveMemory };
  const branches: [prefix: string, branch: Branch][] = [];
  const source = light ? lightened(main) : main;
  if (backbone !== "none") {
    branches.push([BACKBONE_PREFIX, backboneBranches[backbone](source, { ...settings, prefix: BACKBONE_PREFIX })]);
  }
  if (neck !== "none") branches.push([NECK_PREFIX, neckBranch(source, { ...settings, prefix: NECK_PREFIX })]);
  const head = (prefix: string, levels: readonly string[]): Row => ({
    name: `${prefix}Detect`,
    from: levels,
    block: heads ?? main.lead.block,
    ...(light ? { light } : {}),
  });
  const auxiliary = branches.flatMap(([prefix, { rows, levels }]) => [...rows, head(prefix, levels)]);
  for (const row of auxiliary) rememberOrigin(row, originOf(main.lead, spec));
  return {
    ...spec,
    auxiliary,
    guidance: guidance ?? spec.guidance,
    auxiliaryWeight: weight ?? spec.auxiliaryWeight,
  };
}

/** The main branch as its light copies should look: only what is copied changes, not what the copies hang on. */
function lightened(main: MainBranch): MainBranch {
  const lighten = (planned: MainBranch["chain"][number]): typeof planned => ({
    ...planned,
    row: lightRow(planned.row),
    output: { ...planned.output, channels: narrow(planned.output.channels) },
  });
  return { ...main, chain: main.chain.map(lighten), neck: main.neck.map(lighten) };
}
