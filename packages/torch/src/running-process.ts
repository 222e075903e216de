/** Which processes run on this machine and since when, from /proc: what tells a process from a later one of the same number. */
import { existsSync, readFileSync } from "node:fs";

/** Whether this system tells about its processes. Where it does not, nobody knows which ones run. */
export const knowsProcesses = existsSync("/proc/self/stat");

/** Clock ticks from the machine's start to that of a process; undefined when no such process runs (a zombie does not). */
export function startTicks(pid: number): number | undefined {
  try {
    // The name, in parentheses, may have spaces and parentheses; the state comes after it, the start 19 fields later.
    const [, state, fields = ""] = /.*\) (\S)(.*)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === undefined || "ZXx".includes(state) ? undefined : Number(fields.trim().split(" ")[18]);
  } catch {
    return undefined;
  }
}

const TICKS_PER_SECOND = 100;

/** When the machine started, in milliseconds since 1970. */
export function bootTime(): number {
  return Number(/^btime (\d+)/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]) * 1000;
}

/** When a process started, in milliseconds since 1970, to a second; undefined when no such process runs. */
export function startTime(pid: number): number | undefined {
  const ticks = startTicks(pid);
  return ticks === undefined ? undefined : bootTime() + (ticks / TICKS_PER_SECOND) * 1000;
}
