/** The page: hands pictures to the worker and draws the boxes that come back. */
import type { Detection } from "@yolov9/runtime";
import type { Reply, Request } from "./messages.js";

const status = document.querySelector("#status")!;
const file = document.querySelector<HTMLInputElement>("#file")!;
const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
const list = document.querySelector("#found")!;

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.onerror = ({ message }) => say(`the worker failed: ${message}`);
worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  if (data.kind === "failed") say(data.message);
  else if (data.kind === "ready") say(`ready to find ${data.names.join(", ")}`);
  else void show(data.picture, data.found, data.milliseconds);
};

function say(text: string): void {
  status.textContent = text;
}

function look(picture: Request | undefined): void {
  if (picture === undefined) return;
  say("looking …");
  worker.postMessage(picture);
}

file.onchange = () => look(file.files?.[0]);
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  look(event.dataTransfer?.files[0]);
};

async function show(picture: Blob, found: readonly Detection[], milliseconds: number): Promise<void> {
  const bitmap = await createImageBitmap(picture);
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  for (const detection of found) drawBox(context, detection, Math.max(bitmap.width / 400, 2));
  list.replaceChildren(...found.map(listItem));
  say(`${found.length} objects in ${milliseconds.toFixed(0)} ms`);
}

function listItem({ className, score, box }: Detection): HTMLElement {
  const item = document.createElement("li");
  item.textContent = `${className} ${score.toFixed(3)} at ${box.map((side) => side.toFixed(1)).join(" ")}`;
  return item;
}

/** @param line width of lines in pixels of the picture */
function drawBox(context: CanvasRenderingContext2D, { box, classId, className, score }: Detection, line: number): void {
  const [x1, y1, x2, y2] = box;
  const text = `${className} ${score.toFixed(2)}`;
  context.strokeStyle = context.fillStyle = `hsl(${(classId * 137) % 360} 90% 35%)`;
  context.lineWidth = line;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.font = `${line * 6}px system-ui`;
  const top = Math.max(y1 - line * 8, 0);
  context.fillRect(x1, top, context.measureText(text).width + line * 2, line * 8);
  context.fillStyle = "white";
  context.fillText(text, x1 + line, top + line * 6);
}
