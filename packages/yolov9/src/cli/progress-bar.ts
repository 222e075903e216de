/** A bar on standard error for work of known length; nothing where that is no terminal. */
import cliProgress from "cli-progress";
import { printable } from "../printable.js";

export function progressBar(name: string): { update: (done: number, total: number) => void; stop: () => void } {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new cliProgress.SingleBar(
    {
      format: `${printable(name)} {bar} {value}/{total} {eta_formatted} left`,
      barsize: 30,
      clearOnComplete: true,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    update: (done, total) => {
      if (!started) bar.start(total, done);
      started = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
