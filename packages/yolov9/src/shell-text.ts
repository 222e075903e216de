/** A path or another argument as it can be pasted into a shell: in quotes where it has characters that a shell takes for its own. */
export function shellText(argument: string): string {
  return /^[\w./:@%+=,-]+$/u.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}
