/** The points of a data set's objects: which of them change places in a mirror. */

/** Parts of a name that say on which side of the body a point lies, each with its mirror image. */
const SIDES: readonly (readonly [RegExp, string])[] = [
  [/left/i, "right"],
  [/right/i, "left"],
  [/^l(?=[_\- ])/i, "r"],
  [/^r(?=[_\- ])/i, "l"],
  [/(?<=[_\- ])l$/i, "r"],
  [/(?<=[_\- ])r$/i, "l"],
];

/**
 * The mirror order that names imply: `left_eye` and `right_eye` change places, `nose` stays.
 * @returns [names.length] index of the point that takes each point's place, or undefined when a side has no counterpart
 */
export function flipOfNames(names: readonly string[]): number[] | undefined {
  const lower = names.map((name) => name.toLowerCase());
  const flip = lower.map((name, index) => {
    const side = SIDES.find(([pattern]) => pattern.test(name));
    return side === undefined ? index : lower.indexOf(name.replace(side[0], side[1]));
  });
  return flip.includes(-1) ? undefined : flip;
}

/** Whether `flip` is a mirror order of `count` points: applied twice, it leads back. */
export function isMirrorOrder(flip: readonly number[], count: number): boolean {
  return flip.length === count && flip.every((other, index) => flip[other] === index);
}
