import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "demo/**/*.test.ts", "examples/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // One thread a test process: two processes with two threads each would fight for the cores.
    env: { OMP_NUM_THREADS: "1" },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
