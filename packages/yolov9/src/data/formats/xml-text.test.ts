import { XMLParser } from "fast-xml-parser";
import { describe, expect, it } from "vitest";

import { unbalancedTag, xmlText } from "./xml-text.js";

describe("XML of annotations", () => {
  it("comes back from a parser as it was written", () => {
    const content = {
      annotation: { folder: "a & <b>", size: { width: 64 }, object: [{ name: "x" }, { name: "]]>" }] },
    };
    const text = xmlText(content);
    expect(new XMLParser().parse(text)).toEqual(content);
    expect(unbalancedTag(text)).toBeUndefined();
  });

  it.each([
    ["<a>\n<b></a>", 2, "</a> closes what is not open"],
    ["<a>\n</a>\n</b>", 3, "</b> closes what is not open"],
    ["<a>\n\n", 3, "<a> is not closed"],
    ["<a>\n<b", 2, '"<b" is not closed'],
    ["<a><!-- </a>", 1, '"<!-- </a>" is not closed'],
    ["<a>\n< b></a>", 2, '"< b>" is no tag'],
  ])("%j is unbalanced", (text, line, reason) => {
    expect(unbalancedTag(text)).toEqual({ line, reason });
  });

  it("may have comments, character data, instructions and attributes", () => {
    expect(
      unbalancedTag('<?xml version="1.0"?><a x="1"><!-- <b> --><![CDATA[<c>]]><d y="2"/><e /></a>'),
    ).toBeUndefined();
  });

  it("is looked through in a moment, whatever it is", () => {
    const start = performance.now();
    for (const part of ["<", "<!--", "<a ", '<a "', "<a>", "</"]) unbalancedTag(part.repeat(300_000));
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
