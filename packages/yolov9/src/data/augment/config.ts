/** The strengths of augmentation. Defaults are the published recipe's ("scratch-high"). */

export interface AugmentConfig {
  /** Largest relative change of hue, saturation and value, 0 … 1. */
  readonly hsvH: number;
  readonly hsvS: number;
  readonly hsvV: number;
  /** Largest rotation in degrees. */
  readonly degrees: number;
  /** Largest shift as a fraction of the image side. */
  readonly translate: number;
  /** The picture is scaled by 1 - scale … 1 + scale; below 1. */
  readonly scale: number;
  /** Largest shear in degrees. */
  readonly shear: number;
  /** Probabilities. */
  readonly flipUpDown: number;
  readonly flipLeftRight: number;
  readonly mosaic: number;
  /** Probability of blending a mosaic with a second one. */
  readonly mixup: number;
}

export const defaultAugment: AugmentConfig = {
  hsvH: 0.015,
  hsvS: 0.7,
  hsvV: 0.4,
  degrees: 0,
  translate: 0.1,
  scale: 0.9,
  shear: 0,
  flipUpDown: 0,
  flipLeftRight: 0.5,
  mosaic: 1,
  mixup: 0.15,
};
