/**
 * How an auxiliary branch is ordered: in a model file as `auxiliary: {backbone: FPN}`, in code through `withAuxiliary`. What each
 * name builds is in `branches.ts`.
 */
import { z } from "zod";
import { depth } from "../blocks/options.js";
import { GUIDANCES } from "../guidance.js";

/**
 * What hangs on the backbone's features, one for each level of the lead head (the paper's Table 4, "G_backbone"):
 * - `none`: nothing;
 * - `PFH`: prediction heads right on the features, which is deep supervision;
 * - `FPN`: a copy of the neck's top-down half;
 * - `PAN`: a copy of the whole neck;
 * - `ICN`: a second backbone from the image, to which every level of the first contributes at the levels of the heads;
 * - `DHLC`: the same with contributions at every level from stride 2 up, as YOLOv9-E has it in its main branch;
 * - `reversible`: reversible columns over the features.
 */
export const BACKBONE_BRANCHES = ["none", "PFH", "FPN", "PAN", "ICN", "DHLC", "reversible"] as const;
export type BackboneBranch = (typeof BACKBONE_BRANCHES)[number];

/** What hangs on the neck's outputs ("G_neck"): nothing, or a second backbone from the image to which they contribute. */
export const NECK_BRANCHES = ["none", "ICN"] as const;
export type NeckBranch = (typeof NECK_BRANCHES)[number];

export const auxiliaryOptionsSchema = z.strictObject({
  backbone: z.enum(BACKBONE_BRANCHES).default("none"),
  neck: z.enum(NECK_BRANCHES).default("none"),
  /** Kind of the branches' prediction heads. */
  heads: z.enum(["DecoupledDetect", "Detect"]).optional(),
  /** Names of the backbone's features, finest first. Default: the last rows of the first backbone at the lead head's strides. */
  features: z.array(z.string()).min(1).optional(),
  /** Half the widths and depthwise convolutions. */
  light: z.boolean().default(false),
  /** Reversible columns: how many, and whether their activations are computed again in backward instead of kept. */
  columns: depth.optional(),
  saveMemory: z.boolean().optional(),
  guidance: z.enum(GUIDANCES).optional(),
  /** Of each auxiliary head's loss next to the lead head's 1. */
  weight: z.number().min(0).optional(),
});

export type AuxiliaryOptions = z.input<typeof auxiliaryOptionsSchema>;
