/** What detection finds in one picture, in the picture's own pixels, and how long it took. Types only. */

export interface DetectedBox {
  /** x1 y1 x2 y2 in pixels of the upright source picture. */
  box: readonly [number, number, number, number];
  score: number;
  classIndex: number;
  className: string;
}

export interface DetectedImage {
  /** As the user named it: a path or an address. */
  path: string;
  /** Where the picture lies: `path`, or what was fetched. */
  file: string;
  width: number;
  height: number;
  /** Most certain first. */
  boxes: DetectedBox[];
  /** Wall time of decoding and letterboxing, of the network, and of suppression, in milliseconds. */
  milliseconds: { preprocess: number; inference: number; nms: number };
}
