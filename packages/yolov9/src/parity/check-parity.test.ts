import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { TOLERANCES, checkParity, passes, QUANTITIES } from "./check-parity.js";
import { readFixture } from "./fixture.js";

const own = fileURLToPath(new URL("./testing/yolov9-t.json", import.meta.url));
const shared = fileURLToPath(new URL("../../../../../shared/fixtures/parity/", import.meta.url));

function expectParity(path: string): void {
  const report = checkParity(readFixture(path));
  expect(report.problems).toEqual([]);
  for (const name of QUANTITIES) expect(report.differences[name].relative).toBeLessThanOrEqual(TOLERANCES[name]);
}

describe("parity with the PyTorch reference", () => {
  it("holds for yolov9-t: outputs, loss, gradients and running means", () => {
    expectParity(own);
  });

  it("notices a loss, an output, a gradient and a key that differ", () => {
    const fixture = readFixture(own);
    const { train, state_dict, parameters } = fixture;
    const [key, norm] = Object.entries(train.grad_l2)[0]!;
    const [first, ...others] = Object.entries(state_dict);
    const report = checkParity({
      ...fixture,
      parameters: parameters + 1,
      state_dict: Object.fromEntries([...others, first!]),
      eval: fixture.eval.map(({ shape, values }) => ({ shape, values: values.map((value) => value * 1.001) })),
      train: { ...train, loss: train.loss * 1.001, grad_l2: { ...train.grad_l2, [key]: norm! * 1.01 } },
    });
    expect(passes(report)).toBe(false);
    expect(report.problems).toEqual([
      "state dict entry 0 is model.0.conv.weight [16, 3, 3, 3], expected model.0.bn.weight [16]",
      `${parameters} parameters, expected ${parameters + 1}`,
    ]);
    expect(report.differences.loss.relative).toBeCloseTo(0.001, 5);
    expect(report.differences.eval.relative).toBeCloseTo(0.001, 4);
    expect(report.differences.gradients).toEqual({ relative: expect.closeTo(0.0099, 4) as number, where: key });
  });
});

describe.skipIf(!existsSync(shared))("parity with the shared reference files", () => {
  it.each(["gelan-t", "yolov9-s"])("holds for %s", (variant) => {
    expectParity(`${shared}${variant}.json`);
  });
});
