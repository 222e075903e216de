import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { Random } from "../data/augment/random.js";
import { fuzz } from "./fuzz.js";
import { mutated } from "./mutations.js";
import { parsers } from "./parsers.js";
import { verdict } from "./verdict.js";

const SEED = 9;
/** Inputs of each parser, fewer of slow ones: all together take less than a minute on two quiet cores. */
const INPUTS = 80;
const LONGEST_SECONDS = 600;

describe("changed inputs", () => {
  it(
    "are parsed or refused by every parser, without bugs, crashes, long times or much memory",
    async () => {
      const waiting = parsers.map(({ name }) => name);
      const wrong: string[] = [];
      const work = async (): Promise<void> => {
        for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
          const { tried, findings } = await fuzz(name, { seed: SEED, inputs: INPUTS, seconds: LONGEST_SECONDS });
          expect(tried, name).toBeGreaterThan(0);
          wrong.push(...findings.map(({ index, wrong }) => `${name} ${index}: ${wrong}`));
        }
      };
      await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work));
      expect(wrong).toEqual([]);
    },
    LONGEST_SECONDS * 1000,
  );

  it("are the same for the same random numbers, and others for others", () => {
    const seeds = [Buffer.from('{"a": 1, "b": [2, 3]}\n{"c": "word"}\n'), Buffer.from("x: 12\n")];
    const made = (seed: number): string[] =>
      Array.from({ length: 200 }, (_, i) => mutated(seeds, i % 2 === 0, new Random(seed, i)).toString("latin1"));
    expect(made(1)).toEqual(made(1));
    expect(made(1)).not.toEqual(made(2));
    expect(new Set(made(1)).size).toBeGreaterThan(150);
  });
});

describe("a verdict", () => {
  const cheap = { seconds: 0.1, megabytes: 1 };

  it("is good for success and for errors that name the file", () => {
    expect(verdict(undefined, "/x/a.pt", cheap)).toBeUndefined();
    expect(verdict(new Error("/x/a.pt: it is damaged"), "/x/a.pt", cheap)).toBeUndefined();
  });

  it.each([
    ["an error of the language", new TypeError("/x/a.pt"), cheap, "threw TypeError"],
    ["a wrapped one", new Error("a.pt: Cannot read properties of undefined"), cheap, "speaks of a bug"],
    ["a stack that overflows", new Error("a.pt: Maximum call stack size exceeded"), cheap, "speaks of a bug"],
    ["a message without the file", new Error("damaged"), cheap, "does not name the file"],
    ["something else thrown", "text", cheap, "threw string"],
    ["long work", undefined, { seconds: 9, megabytes: 1 }, "took 9.0 s"],
    ["much memory", undefined, { seconds: 0, megabytes: 900 }, "took 900 MB"],
  ])("is bad for %s", (_, thrown, cost, wrong) => {
    expect(verdict(thrown, "/x/a.pt", cost)).toContain(wrong);
  });
});
