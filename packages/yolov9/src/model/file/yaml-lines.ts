/**
 * Reads a YAML text and remembers where its parts stand, so that a message about a value can name its line.
 */
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, type Document } from "yaml";

interface YamlValue {
  readonly value: unknown;
  /** The line of the deepest part of the path that exists. */
  readonly lineOf: (keys: readonly PropertyKey[]) => number;
}

/** @throws Error naming the line when the text is no YAML */
export function readYaml(text: string, source: string): YamlValue {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`${source}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`);
  return { value: document.toJS() as unknown, lineOf: (keys) => lineOf(document, lines, keys) };
}

function lineOf(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): number {
  for (let depth = keys.length; depth > 0; depth--) {
    const offset = offsetOf(document, keys.slice(0, depth));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

/** Where a key (or, in a list, an item) begins. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  const parent: unknown = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
  const last = keys.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node: unknown = document.getIn(keys, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
