/** What an effect is: a change of an image's pixels that moves nothing, so that boxes stay as they are. */

/** Interleaved RGB, changed in place. */
export interface EffectImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** An effect with its settings drawn. */
export interface PlannedEffect {
  readonly name: string;
  /** For people who look at a plan. */
  readonly settings: Readonly<Record<string, number>>;
  /** Changes the image, depending on the settings alone. */
  readonly apply: (image: EffectImage) => void | Promise<void>;
}
