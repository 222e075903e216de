/** Every augmentation alone, at settings strong enough to see what it does and whether the labels follow. */

import { AugmentConfig } from "../augment/config.js";
import type { ReplayOptions } from "../replay.js";

export interface ShownAugmentation {
  readonly name: string;
  readonly options: Pick<ReplayOptions, "augment" | "rect" | "multiScale">;
}

/** Nothing but the letterbox. */
const OFF: AugmentConfig = AugmentConfig.parse(
  Object.fromEntries(Object.keys(AugmentConfig.shape).map((key) => [key, 0])),
);

const STRONG: Readonly<Record<string, Partial<AugmentConfig>>> = {
  letterbox: {},
  mosaic: { mosaic: 1 },
  mosaic9: { mosaic: 1, mosaic9: 1 },
  "copy-paste": { mosaic: 1, copyPaste: 1 },
  mixup: { mosaic: 1, mixup: 1 },
  degrees: { degrees: 45 },
  translate: { translate: 0.4 },
  scale: { scale: 0.9 },
  shear: { shear: 25 },
  perspective: { perspective: 0.001 },
  flipud: { flipud: 1 },
  fliplr: { fliplr: 1 },
  "hsv-h": { hsvH: 0.5 },
  "hsv-s": { hsvS: 1 },
  "hsv-v": { hsvV: 0.7 },
  blur: { blur: 1 },
  median: { median: 1 },
  grey: { grey: 1 },
  clahe: { clahe: 1 },
  gamma: { gamma: 1 },
  "low-light": { lowLight: 1 },
  noise: { noise: 1 },
  jpeg: { jpeg: 1 },
  erasing: { erasing: 1 },
};

export const eachAugmentation: readonly ShownAugmentation[] = [
  ...Object.entries(STRONG).map(([name, strong]) => ({ name, options: { augment: { ...OFF, ...strong } } })),
  { name: "multi-scale", options: { augment: OFF, multiScale: 0.5 } },
  { name: "rect", options: { augment: OFF, rect: true } },
  {
    name: "everything",
    options: {
      augment: {
        ...AugmentConfig.parse({}),
        ...{ degrees: 20, shear: 8, perspective: 0.0004, copyPaste: 1, flipud: 0.5 },
      },
      multiScale: 0.5,
    },
  },
];
