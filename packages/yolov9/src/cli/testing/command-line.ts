/** Runs command lines inside a test, and captures what they print instead of printing it. */
import { vi } from "vitest";
import { run } from "../main.js";

export interface Outcome {
  readonly code: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** @param args without the program's name */
export async function yolov9(...args: string[]): Promise<Outcome> {
  let out = "";
  let err = "";
  const spies = [
    vi.spyOn(console, "log").mockImplementation((line: string) => void (out += `${line}\n`)),
    vi.spyOn(console, "error").mockImplementation((line: string) => void (err += `${line}\n`)),
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += text.toString()), true)),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += text.toString()), true)),
  ];
  try {
    return { code: await run(args), out, err };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
}
