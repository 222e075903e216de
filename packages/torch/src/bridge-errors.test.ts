import { describe, expect, it } from "vitest";
import { setGeneratorState, tensor } from "./index.js";

const wrongCalls: Readonly<Record<string, () => unknown>> = {
  "a number of several elements": () => tensor([1, 2, 3]).item(),
  "a backward pass without a graph": () => {
    tensor([1]).backward();
  },
  "a generator's state of another type": () => {
    setGeneratorState(tensor([1]));
  },
};

function errorOf(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it was not refused");
}

/** The whole text, at the end of the causes. */
function deepest(error: Error): string {
  return error.cause instanceof Error ? deepest(error.cause) : error.message;
}

describe("errors of libtorch", () => {
  it.each(Object.entries(wrongCalls))("are one line, with the whole text as their cause: %s", (_, call) => {
    const error = errorOf(call);
    expect(error.message).not.toContain("\n");
    expect(error.message.length).toBeGreaterThan(10);
    expect(deepest(error)).toMatch(/Exception raised from .*\n(.*\n)*frame #0/);
  });

  it("of operators are one line too, with name and shapes", () => {
    const error = errorOf(() => tensor([1, 2]).view([3, 5]));
    const said = "aten::view: shape '[3, 5]' is invalid for input of size 2 — called with (Tensor[2] float32, [3, 5])";
    expect(error.message).toBe(said);
  });
});
