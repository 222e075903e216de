/** The Detector in a worker, so that the page stays responsive while it computes. */
import { Detector } from "@yolov9/runtime";
import type { Reply, Request } from "./messages.js";

const reply = (message: Reply): void => postMessage(message);
const fail = (error: unknown): void => reply({ kind: "failed", message: String(error) });

const detector = Detector.load(new URL("/best.onnx", location.origin));
detector.then(({ names }) => reply({ kind: "ready", names }), fail);

onmessage = ({ data: picture }: MessageEvent<Request>) => void detect(picture).catch(fail);

async function detect(picture: Blob): Promise<void> {
  const ready = await detector;
  const start = performance.now();
  const found = await ready.detect(picture);
  reply({ kind: "found", picture, found, milliseconds: performance.now() - start });
}
