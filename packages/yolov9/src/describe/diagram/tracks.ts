/**
 * Parallel tracks for lines that would otherwise lie on each other: lines that share a stretch get different tracks, lines that do
 * not may share one.
 */
export class Tracks {
  readonly #tracks: (readonly [number, number])[][] = [];

  /** How many tracks are in use. */
  get count(): number {
    return this.#tracks.length;
  }

  /** The first track that is free between two ends, which it then takes. */
  take(from: number, to: number): number {
    const stretch = [Math.min(from, to), Math.max(from, to)] as const;
    const free = this.#tracks.findIndex((taken) => taken.every(([a, b]) => b < stretch[0] || stretch[1] < a));
    const track = free < 0 ? this.#tracks.length : free;
    (this.#tracks[track] ??= []).push(stretch);
    return track;
  }
}
