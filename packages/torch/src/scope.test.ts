import { describe, expect, it } from "vitest";
import { conv2d, memory, noGrad, randn, Scope, scope, zeros, type Tensor } from "./index.js";

const live = () => memory().undisposedTensors;

describe("scopes", () => {
  it("leave no tensor alive but what they return", () => {
    const before = live();
    const kept = scope(() => {
      const a = randn([4]);
      const b = a.add(1).mul(2);
      return { sum: b.sum(), list: [b], map: new Map([["a", a]]) };
    });
    expect(live()).toBe(before + 3);
    expect(kept.list[0]!.isDisposed).toBe(false);
    for (const left of [kept.sum, kept.list[0]!, kept.map.get("a")!]) left.dispose();
    expect(live()).toBe(before);
  });

  it("free everything when the function throws", () => {
    const before = live();
    expect(() =>
      scope(() => {
        zeros([10]).add(1);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(live()).toBe(before);
  });

  it("hand results to the scope outside", () => {
    const before = live();
    scope(() => {
      const inner = scope(() => zeros([2]).add(5));
      expect(inner.toList()).toEqual([5, 5]);
    });
    expect(live()).toBe(before);
  });

  it("work with using, keep and dispose", () => {
    const before = live();
    let kept: Tensor;
    {
      using opened = new Scope();
      zeros([3]);
      kept = zeros([2]).keep();
      expect(opened).toBeInstanceOf(Scope);
      expect(live()).toBe(before + 2);
    }
    expect(kept.toList()).toEqual([0, 0]);
    kept.dispose();
    kept.dispose();
    expect(live()).toBe(before);
    expect(() => kept.add(1)).toThrow(/already disposed/);
  });

  it("refuse to be asynchronous", () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow(/synchronous/);
  });
});

describe("memory", () => {
  it("stays flat over 200 convolution steps forward and backward", () => {
    const weight = randn([16, 16, 3, 3]);
    weight.requiresGrad = true;
    const step = () =>
      scope(() => {
        conv2d(randn([4, 16, 64, 64]), weight, null, 1, 1)
          .silu()
          .sum()
          .backward();
        weight.clearGrad();
      });
    for (let warmUp = 0; warmUp < 40; warmUp++) step();
    const [tensorsBefore, rssBefore] = [live(), process.memoryUsage.rss()];
    for (let index = 0; index < 200; index++) step();
    expect(live()).toBe(tensorsBefore);
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(64e6); // 200 leaked steps would cost 600 MB
    weight.dispose();
  });

  it("is given back by the garbage collector when nobody disposes, also inside a synchronous loop", () => {
    const before = memory();
    noGrad(() => {
      for (let index = 0; index < 400; index++) zeros([1 << 18]);
    });
    const after = memory();
    expect(after.collectedTensors - before.collectedTensors).toBeGreaterThan(100);
    expect(after.liveBytes - before.liveBytes).toBeLessThan(300e6); // of 420 MB made
  });
});
