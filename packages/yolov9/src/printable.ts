/**
 * Text from files (names, paths, metadata, messages about them) made fit to be looked at. Control characters move a terminal's cursor or
 * change its colours, direction overrides let a name read as another one, and XML allows neither most of these nor halves of surrogate
 * pairs. Each becomes U+FFFD, the replacement character. Apply it where text leaves the program: terminal.ts and markup.ts do.
 */

/** C0, DEL and C1; line and paragraph separators; overrides and isolates of direction; lone surrogates; two that XML forbids. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/gu;

const REPLACEMENT = "\uFFFD";

/** One line of text: line breaks and tabs count as control characters. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, REPLACEMENT);
}

/** Text that may have lines and tabs. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === "\n" || character === "\t" ? character : REPLACEMENT));
}

/** A value as indented JSON in which such characters are escapes, so that nothing is lost. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(UNPRINTABLE, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
