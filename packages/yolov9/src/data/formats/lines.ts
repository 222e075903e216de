/** Text files by line: without byte-order mark, with line ends of any system, outer blanks removed. Empty lines stay, so that numbers hold. */
export function linesOf(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim());
}
