/** On which line of a JSON text the elements of a top-level array begin, which the parser does not tell. */

/**
 * @param text valid JSON with an object at the top
 * @returns 1-based line of each element of `text[key]`, in order; empty when there is no such array
 */
export function elementLines(text: string, key: string): number[] {
  const lines: number[] = [];
  let line = 1;
  let depth = 0;
  let topKey = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\n") line++;
    else if (character === '"') {
      const end = stringEnd(text, at);
      if (depth === 1) topKey = text.slice(at + 1, end);
      else if (depth === 2 && topKey === key && startsElement(text, at)) lines.push(line);
      at = end;
    } else if (character === "{" || character === "[") {
      if (depth === 2 && topKey === key && startsElement(text, at)) lines.push(line);
      depth++;
    } else if (character === "}" || character === "]") depth--;
    else if (depth === 2 && topKey === key && !/[\s,:]/.test(character) && startsElement(text, at)) lines.push(line);
  }
  return lines;
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** Whether what begins here follows "[" or ",", so that it is an element and not the value of a key or the middle of a number. */
function startsElement(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && /\s/.test(text[before]!)) before--;
  return text[before] === "[" || text[before] === ",";
}
