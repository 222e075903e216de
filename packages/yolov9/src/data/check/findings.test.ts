import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, it } from "vitest";

import { FINDING_KINDS, findingOf, groupFindings, sortFindings } from "./findings.js";

it("every kind of finding is in the documentation as the program tells it", () => {
  const docs = readFileSync(resolve(import.meta.dirname, "../../../../../docs/data.md"), "utf8").replace(/ +/g, " ");
  for (const [kind, { severity, title, advice }] of Object.entries(FINDING_KINDS)) {
    expect(docs.includes(`| \`${kind}\` | ${severity} | ${title} | ${advice} |`), kind).toBe(true);
  }
});

it("findings are sorted by severity, kind, file and line", () => {
  const at = (file: string, line: number) => ({ file, line, reason: "" });
  const findings = [
    findingOf("image-alpha", at("a", 1)),
    findingOf("box-no-area", at("b", 2)),
    findingOf("box-no-area", at("b", 1)),
    findingOf("row-malformed", at("z", 1)),
    findingOf("box-no-area", at("a", 9)),
  ];
  expect(sortFindings(findings).map(({ file, line }) => `${file}${line}`)).toEqual(["z1", "a9", "b1", "b2", "a1"]);
  expect(groupFindings(findings).map(([kind, found]) => [kind, found.length])).toEqual([["row-malformed", 1], ["box-no-area", 3], ["image-alpha", 1]]); // prettier-ignore
});
