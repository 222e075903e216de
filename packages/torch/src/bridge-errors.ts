// Errors of libtorch as people can read them. libtorch adds where in its sources an error was raised and a stack of C++ frames, dozens of
// lines; the message of an error is the first line, and the whole text is its cause.

type Call = (...args: readonly unknown[]) => unknown;

/** The functions with their errors shortened; everything else as it is. */
export function withShortErrors(bridge: object): object {
  const entries = Object.entries(bridge).map(([name, value]) => [
    name,
    typeof value === "function" ? shortened(value as Call) : (value as unknown),
  ]);
  return Object.fromEntries(entries) as object;
}

function shortened(call: Call): Call {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      throw isOfLibtorch(error) ? shortError(error) : error;
    }
  };
}

/** What a function of JavaScript throws while libtorch calls it, a backward pass for one, is not libtorch's. */
function isOfLibtorch(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === "ERR_LIBTORCH";
}

/** An error that says it in a line is given back as it is. */
function shortError(error: Error): Error {
  const line = firstLine(error.message);
  return line === error.message ? error : new Error(line, { cause: error });
}

/** The part of an error's message that says what is wrong. */
function firstLine(message: string): string {
  return message.split("\n")[0]!.replace(/^\[enforce fail[^\]]*\]\s*/, "");
}
