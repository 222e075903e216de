// Which number format convolutions work in while training. Weights, statistics, losses and the optimiser stay in float32.
import { readFileSync } from "node:fs";

export type Precision = "float32" | "bfloat16";

/**
 * @param wanted "auto" takes bfloat16 on a GPU and where the CPU multiplies it in hardware, float32 elsewhere
 * @param device as `resolveDevice` gives it
 */
export function resolvePrecision(wanted: "auto" | Precision, device: string): Precision {
  if (wanted !== "auto") return wanted;
  return device !== "cpu" || cpuMultipliesBfloat16() ? "bfloat16" : "float32";
}

/** Whether the CPU has AVX-512 BF16 or AMX instructions, as far as the system tells. */
export function cpuMultipliesBfloat16(): boolean {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
    return /\b(avx512_bf16|amx_bf16)\b/.test(flags);
  } catch {
    return false; // not Linux: nothing is known, and bfloat16 without hardware is slow
  }
}
