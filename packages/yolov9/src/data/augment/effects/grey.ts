/** Grey: every pixel gets its brightness on all three channels. */

import type { EffectImage, PlannedEffect } from "./effect.js";
import { luma } from "./luma.js";

export function drawGrey(): PlannedEffect {
  return { name: "grey", settings: {}, apply: grey };
}

export function grey({ data }: EffectImage): void {
  for (let i = 0; i < data.length; i += 3) data.fill(luma(data[i]!, data[i + 1]!, data[i + 2]!), i, i + 3);
}
