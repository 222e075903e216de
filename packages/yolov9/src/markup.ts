/** Text inside HTML, SVG and XML. */
import { printableLines } from "./printable.js";

/** Those that all three know. */
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text as content or attribute value: it ends no element and no attribute, and holds no character that XML forbids. */
export function escapeMarkup(text: string): string {
  return printableLines(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
