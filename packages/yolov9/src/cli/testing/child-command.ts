/** The `yolov9` program in a process of its own, as a shell starts it: for signals, pipes and exit codes. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./command-line.js";

export const PROGRAM = fileURLToPath(new URL("../../../bin/yolov9.js", import.meta.url));

export class ChildCommand {
  readonly process: ChildProcess;
  /** Its exit code, or -1 where a signal killed it, and all that it printed. */
  readonly ended: Promise<Outcome>;
  #out = "";
  #err = "";
  #changed: () => void = () => undefined;

  /** @param args without the program's name */
  constructor(...args: readonly string[]) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, OMP_NUM_THREADS: "1", DEBUG: "" },
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#out += text;
      this.#changed();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#err += text;
      this.#changed();
    });
    this.process = child;
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => resolve({ code: code ?? -1, out: this.#out, err: this.#err }));
    });
  }

  /** Waits until it has printed such a text. @throws Error when it ends before, with what it printed */
  async printed(text: RegExp): Promise<void> {
    const found = new Promise<void>((resolve) => {
      this.#changed = () => {
        if (text.test(this.#out + this.#err)) resolve();
      };
      this.#changed();
    });
    const early = this.ended.then(({ code, out, err }) => {
      if (!text.test(out + err)) throw new Error(`ended with ${code} before it printed ${text}:\n${out}${err}`);
    });
    await Promise.race([found, early]);
  }
}
