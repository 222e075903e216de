/** The little XML that annotations are made of: writing it, and finding tags that do not match, which the parser forgives. */

import { escapeMarkup } from "../../markup.js";
import { quoted } from "../sample.js";

/** Elements by name; a list repeats its element. */
export interface XmlContent {
  readonly [name: string]: string | number | boolean | XmlContent | readonly XmlContent[];
}

/** Indented elements, without declaration. */
export function xmlText(content: XmlContent, indent = ""): string {
  return Object.entries(content)
    .flatMap(([name, value]) => (isList(value) ? value : [value]).map((one) => element(name, one, indent)))
    .join("");
}

function isList(value: XmlContent[string]): value is readonly XmlContent[] {
  return Array.isArray(value);
}

function element(name: string, value: string | number | boolean | XmlContent, indent: string): string {
  if (typeof value === "object") return `${indent}<${name}>\n${xmlText(value, `${indent}  `)}${indent}</${name}>\n`;
  return `${indent}<${name}>${escapeMarkup(String(value))}</${name}>\n`;
}

/** What begins and ends text that is no tag, first the longer beginnings. */
const PASSAGES = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
] as const;

/** The parser calls itself for each; annotations have five. */
const DEEPEST_NESTING = 100;

/** The first tag that does not fit those before it. @returns its 1-based line and what is wrong, or undefined when all match */
export function unbalancedTag(text: string): { line: number; reason: string } | undefined {
  const open: string[] = [];
  const wrong = (at: number, reason: string) => ({ line: text.slice(0, at).split("\n").length, reason });
  // One step a "<", each of which looks on only as far as the next step begins: linear, whatever the text.
  for (let at = text.indexOf("<"); at >= 0;) {
    const passage = PASSAGES.find(([start]) => text.startsWith(start, at));
    const end = passage ? text.indexOf(passage[1], at) : text.indexOf(">", at);
    if (end < 0) return wrong(at, `${quoted(text.slice(at, at + 20))} is not closed`);
    if (!passage) {
      const tag = text.slice(at + 1, end);
      const [name = ""] = tag.replace(/^\//, "").split(/[\s/]/, 1);
      if (name === "" || tag.includes("<")) return wrong(at, `${quoted(`<${tag}>`)} is no tag`);
      if (!tag.startsWith("/")) {
        if (!tag.endsWith("/")) open.push(name);
        if (open.length > DEEPEST_NESTING) return wrong(at, `more than ${DEEPEST_NESTING} elements lie in each other`);
      } else if (open.pop() !== name) return wrong(at, `</${name}> closes what is not open`);
    }
    at = text.indexOf("<", end);
  }
  return open.length === 0 ? undefined : wrong(text.length, `<${open.at(-1)!}> is not closed`);
}
