import { describe, expect, it } from "vitest";
import { escapeMarkup } from "./markup.js";
import { printable, printableJson, printableLines } from "./printable.js";

describe("printable", () => {
  it("replaces what moves cursors, turns directions or is half a character, and nothing else", () => {
    const bad = ["\0", "\u0007", "\b", "\r", "\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800", "\udc00", "\uffff"]; // prettier-ignore
    for (const character of [...bad, "\n", "\t"]) expect(printable(`a${character}b`)).toBe("a\ufffdb");
    for (const character of bad) expect(printableLines(`a${character}b`)).toBe("a\ufffdb");
    expect(printableLines("a\n\tb")).toBe("a\n\tb");
    const good = "Zelle №1 細胞 👩‍🔬 עברית \u200f ñ <&>";
    expect(printable(good)).toBe(good);
  });

  it("keeps everything in JSON, as escapes", () => {
    const value = { "a\u009b": "\u001b[2J\u202e\ud800\n\tb", list: [1, "é"] };
    const text = printableJson(value);
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u202e]/u);
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe("escapeMarkup", () => {
  it("ends neither elements nor attributes, and leaves no character that XML forbids", () => {
    expect(escapeMarkup(`</text><a b="c" d='e'>&\u001b\uffff\n`)).toBe(
      "&lt;/text&gt;&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;\ufffd\ufffd\n",
    );
  });
});
