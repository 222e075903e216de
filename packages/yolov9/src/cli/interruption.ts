/**
 * How a command ends early: by a signal, or because nobody reads its output any more. A command that runs gracefully is asked to come
 * to an end by itself; every other one, and that one when it is asked again, ends at once. Signals are an affair of the command
 * line only: what programs call takes an AbortSignal.
 */
import { note } from "../terminal.js";

/** What ends a command, with the exit code that a shell gives to a program which such a signal has ended: 128 and its number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

type Cause = keyof typeof EXIT_CODES;

/** SIGPIPE is not among them: Node ignores it, and writing fails instead. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What writing to a pipe or a terminal says once its other end is gone. */
const READER_GONE = ["EPIPE", "EIO", "ERR_STREAM_DESTROYED"];

/** One Ctrl-C arrives twice where npx or a shell hands it on; what comes this soon is no second one. */
const REPEAT_MS = 300;

const EXIT_FAILURE = 1;

export class Interruption {
  readonly #abort = new AbortController();
  #graceful = false;
  #cause: Cause | undefined;
  #since = 0;

  /** The exit code for what asked the command to end; undefined when nothing did. */
  get exitCode(): number | undefined {
    return this.#cause && EXIT_CODES[this.#cause];
  }

  /** Listens from now on until the process ends: what was printed last may fail after the command is done. */
  listen(): void {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", this.#onWriteError);
  }

  /** Runs what comes to an end by itself, with everything saved, when its signal aborts. */
  async gracefully<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#graceful = true;
    try {
      return await body(this.#abort.signal);
    } finally {
      this.#graceful = false;
    }
  }

  readonly #onSignal = (name: Cause): void => {
    if (this.#graceful && this.#cause === undefined) {
      this.#cause = name;
      this.#since = performance.now();
      if (name !== "SIGPIPE") note("stopping after this step, to save; once more ends it at once");
      this.#abort.abort();
    } else if (!this.#graceful || performance.now() - this.#since > REPEAT_MS) {
      process.exit(EXIT_CODES[name]);
    }
  };

  readonly #onWriteError = (error: NodeJS.ErrnoException): void => {
    if (!READER_GONE.includes(error.code ?? "")) {
      note(`error: cannot write the output: ${error.message}`);
      process.exit(EXIT_FAILURE);
    }
    // Whatever is written next fails too, so that only the first failure counts.
    if (this.#cause === undefined || !this.#graceful) this.#onSignal("SIGPIPE");
  };
}
