/** How training assigns objects to the anchors of several heads. What each name does is in the loss. */

/**
 * - `independent`: every head by its own predictions.
 * - `lead`: every head as the lead head's predictions say (the paper's LHG).
 * - `coarse-to-fine`: the auxiliary heads many-to-one as the coarse one among them says, the lead (fine) head one-to-one by
 *   its own predictions, so that its boxes need no suppression.
 */
export const GUIDANCES = ["independent", "lead", "coarse-to-fine"] as const;
export type Guidance = (typeof GUIDANCES)[number];
