// The numbers that modules are made with.

/** What libtorch and oneDNN count dimensions with. */
const LARGEST = 2 ** 31 - 1;

/** @throws RangeError unless the number is whole, and from `least` to 2³¹ − 1 */
export function checkWholeNumber(name: string, number: number, least: number): void {
  if (Number.isInteger(number) && number >= least && number <= LARGEST) return;
  throw new RangeError(`${name} must be a whole number from ${least} to ${LARGEST}, got ${number}`);
}
