/** What a check found as one HTML file that needs nothing else: figures, plots, and a small picture of each finding. */

import { relative } from "node:path";

import { openPicture } from "@yolov9/runtime/decode-picture";
import sharp from "sharp";

import { escapeMarkup } from "../../markup.js";
import { groupAlike } from "../alike-problems.js";
import { mapBounded } from "../image-files.js";
import type { CheckResult } from "./check-dataset.js";
import { FINDING_KINDS, groupFindings, SEVERITIES, type Finding, type FindingKind } from "./findings.js";
import { plotsOf } from "./plots.js";
import type { Statistics } from "./statistics.js";

/** What of a kind is shown: a set with 100,000 findings still makes a file that opens. */
const PICTURES_A_KIND = 24;
const PICTURES_A_GROUP = 6;
const GROUPS_A_KIND = 100;
const LISTED_A_GROUP = 500;
/** More findings that say the same become one line. */
const LISTED_ONE_BY_ONE = 3;

type Findings = readonly [Finding, ...Finding[]];
const THUMBNAIL = 220;
const THUMBNAILS_AT_ONCE = 4;
/** How much of the picture around a box is shown, in sides of the box, and at least so many pixels. */
const MARGIN = 1.5;
const LEAST_CROP = 120;

/** @returns the text of an HTML file */
export async function checkReport(result: CheckResult): Promise<string> {
  const { path, dataset, findings, counts, statistics } = result;
  const groups = groupFindings(findings);
  const sections = [];
  for (const [kind, found] of groups) sections.push(await section(kind, found, dataset?.root ?? ""));
  const title = `Check of ${escapeMarkup(path)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head><body><main>
<h1>${title}</h1>
<p class="lead">${dataset ? `${escapeMarkup(dataset.format)} · ${dataset.names.length} classes · root <code>${escapeMarkup(dataset.root)}</code>` : "cannot be read"}</p>
<div class="cards">${SEVERITIES.map((severity) => card(String(counts[severity]), LABELS[severity], severity)).join("")}${statistics ? splitCards(statistics) : ""}</div>
${contents(groups)}
${sections.join("\n")}
${statistics ? `<h2>The data</h2><div class="plots">${plotsOf(statistics).map(figure).join("")}</div>${classTable(statistics)}` : ""}
<footer>written by yolov9 data check</footer>
</main></body></html>
`;
}

const LABELS = { error: "errors", warning: "warnings", info: "remarks" } as const;

function card(value: string, label: string, style = ""): string {
  return `<div class="card ${style}"><b>${value}</b><span>${label}</span></div>`;
}

function splitCards({ splits }: Statistics): string {
  return Object.entries(splits)
    .map(([split, { images, objects }]) =>
      card(images.toLocaleString("en"), `${split} images, ${objects.toLocaleString("en")} objects`),
    )
    .join("");
}

function contents(groups: readonly [FindingKind, Findings][]): string {
  if (groups.length === 0) return `<p class="good">Nothing was found. This data set is ready for training.</p>`;
  const rows = groups.map(([kind, found]) => {
    const { title } = FINDING_KINDS[kind];
    const { severity } = found[0];
    return `<li><a href="#${kind}"><span class="tag ${severity}">${severity}</span> ${title}</a> <b>${found.length}</b></li>`;
  });
  return `<ul class="contents">${rows.join("")}</ul>`;
}

async function section(kind: FindingKind, found: Findings, root: string): Promise<string> {
  const { title, advice } = FINDING_KINDS[kind];
  const { severity } = found[0];
  const groups = groupAlike(found).slice(0, GROUPS_A_KIND);
  const examples = groups.flatMap((group) =>
    group.filter(({ image }) => image !== undefined).slice(0, PICTURES_A_GROUP),
  );
  const pictured = new Set(examples.slice(0, PICTURES_A_KIND));
  const tiles = await mapBounded([...pictured], THUMBNAILS_AT_ONCE, (finding) => tile(finding, root));
  const listed = groups.map((group) =>
    groupItem(
      group.filter((finding) => !pictured.has(finding)),
      root,
    ),
  );
  const told = groups.reduce((sum, group) => sum + group.length, 0);
  const more = found.length > told ? `<li>and ${found.length - told} more of other kinds</li>` : "";
  return `<section id="${kind}"><h2><span class="tag ${severity}">${severity}</span> ${title} <small>${found.length}</small></h2>
<p>${escapeMarkup(advice).replace(/`([^`]+)`/g, "<code>$1</code>")}</p>
${tiles.length > 0 ? `<div class="tiles">${tiles.join("")}</div>` : ""}
${listed.join("") + more === "" ? "" : `<ul class="list">${listed.join("")}${more}</ul>`}</section>`;
}

/** A few findings one by one; of many that say the same, one line with their number, which opens. */
function groupItem(group: readonly Finding[], root: string): string {
  const items = group.slice(0, LISTED_A_GROUP).map((finding) => `<li>${text(finding, root)}</li>`);
  if (group.length <= LISTED_ONE_BY_ONE) return items.join("");
  const untold = group.length > items.length ? `<li>and ${group.length - items.length} more</li>` : "";
  const count = (group.length - 1).toLocaleString("en");
  return `<li><details><summary>${text(group[0]!, root)} <b>and ${count} more like it</b></summary><ul>${items.slice(1).join("")}${untold}</ul></details></li>`;
}

function text({ file, line, reason }: Finding, root: string): string {
  const place = `${nameOf(file, root)}${line === undefined ? "" : `:${line}`}`;
  const short = root === "" ? reason : reason.replaceAll(`${root}/`, "");
  return `<code>${escapeMarkup(place)}</code> ${escapeMarkup(short)}`;
}

function nameOf(file: string, root: string): string {
  const inside = root === "" || !file.startsWith("/") ? file : relative(root, file);
  return inside.startsWith("..") ? file : inside;
}

async function tile(finding: Finding, root: string): Promise<string> {
  const { image, other, box } = finding;
  const pictures = [await thumbnail(image!, box), ...(other === undefined ? [] : [await thumbnail(other, undefined)])];
  const shown = pictures.map((source) =>
    source === undefined ? `<div class="none">cannot be shown</div>` : `<img src="${source}" alt="" loading="lazy">`,
  );
  return `<figure><div class="pictures">${shown.join("")}</div><figcaption>${text(finding, root)}</figcaption></figure>`;
}

/** The picture, or the surroundings of a box in it, with the box drawn; undefined where it cannot be decoded. */
async function thumbnail(path: string, box: Finding["box"]): Promise<string | undefined> {
  try {
    const upright = await openPicture(path, {}, { failOn: "none" }).autoOrient().toColourspace("srgb").flatten().raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true }); // prettier-ignore
    const { width, height, channels } = upright.info;
    const picture = sharp(upright.data, { raw: { width, height, channels } });
    const crop = box ? around(box, width, height) : { left: 0, top: 0, width, height };
    const scale = Math.min(THUMBNAIL / crop.width, THUMBNAIL / crop.height);
    const size = { width: Math.max(1, Math.round(crop.width * scale)), height: Math.max(1, Math.round(crop.height * scale)) };
    const small = await picture.extract(crop).resize({ ...size, fit: "fill" }).png().toBuffer();
    const drawn = box ? [{ input: Buffer.from(outline(box, crop, scale, size)) }] : [];
    const bytes = await sharp(small).composite(drawn).jpeg({ quality: 80 }).toBuffer();
    return `data:image/jpeg;base64,${bytes.toString("base64")}`;
  } catch {
    return undefined;
  }
} // prettier-ignore

interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A box with its surroundings, inside the picture. */
function around([x1, y1, x2, y2]: NonNullable<Finding["box"]>, width: number, height: number): Crop {
  const side = Math.max(LEAST_CROP, (x2 - x1) * (1 + 2 * MARGIN), (y2 - y1) * (1 + 2 * MARGIN));
  const fit = (centre: number, limit: number) => {
    const size = Math.max(1, Math.min(Math.round(side), limit));
    return { from: Math.round(Math.min(Math.max(centre - size / 2, 0), limit - size)), size };
  };
  const [x, y] = [fit((x1 + x2) / 2, width), fit((y1 + y2) / 2, height)];
  return { left: x.from, top: y.from, width: x.size, height: y.size };
}

/** The box, never thinner than can be seen, with a ring around one that has next to no area. */
function outline(
  [x1, y1, x2, y2]: NonNullable<Finding["box"]>,
  { left, top }: Crop,
  scale: number,
  size: { width: number; height: number },
): string {
  const [x, y, w, h] = [(x1 - left) * scale, (y1 - top) * scale, (x2 - x1) * scale, (y2 - y1) * scale];
  const rectangle = `<rect x="${x}" y="${y}" width="${Math.max(w, 2)}" height="${Math.max(h, 2)}" fill="none" stroke="#e11d48" stroke-width="2"/>`;
  const ring = Math.min(w, h) < 6 ? `<circle cx="${x + w / 2}" cy="${y + h / 2}" r="16" fill="none" stroke="#e11d48" stroke-width="2"/>` : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${rectangle}${ring}</svg>`;
} // prettier-ignore

function figure({ title, svg }: { title: string; svg: string }): string {
  return `<figure class="plot"><figcaption>${title}</figcaption>${svg}</figure>`;
}

function classTable({ names, splits }: Statistics): string {
  const entries = Object.entries(splits);
  const head = entries.map(([split]) => `<th>${split}</th>`).join("");
  const rows = names.map((name, index) => {
    const cells = entries.map(([, { classes }]) => `<td>${classes[index]!.toLocaleString("en")}</td>`).join("");
    return `<tr><td>${index}</td><td>${escapeMarkup(name)}</td>${cells}</tr>`;
  });
  return `<details><summary>All ${names.length} classes as a table</summary><table><tr><th>#</th><th>class</th>${head}</tr>${rows.join("")}</table></details>`;
}

const STYLE = `
:root{color-scheme:light;--ink:#0f172a;--soft:#64748b;--line:#e2e8f0;--back:#f8fafc}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1160px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 4px}h2 small{color:var(--soft);font-weight:400}.lead{color:var(--soft);margin:4px 0 20px}
code{font:13px ui-monospace,monospace;background:#eef2f7;padding:1px 5px;border-radius:4px;overflow-wrap:anywhere}
.cards{display:flex;flex-wrap:wrap;gap:12px}.card{background:#fff;border:1px solid var(--line);border-radius:10px;padding:12px 18px;min-width:110px}
.card b{display:block;font-size:24px;line-height:1.2}.card span{color:var(--soft);font-size:13px}
.card.error b{color:#dc2626}.card.warning b{color:#b45309}.card.info b{color:#0369a1}
.tag{display:inline-block;font-size:12px;font-weight:600;padding:1px 8px;border-radius:99px;vertical-align:2px;min-width:66px;text-align:center}
.tag.error{background:#fee2e2;color:#b91c1c}.tag.warning{background:#fef3c7;color:#92400e}.tag.info{background:#e0f2fe;color:#075985}
.contents{list-style:none;padding:0;margin:22px 0 0;background:#fff;border:1px solid var(--line);border-radius:10px}
.contents li{padding:7px 16px;border-top:1px solid var(--line)}.contents li:first-child{border:0}.contents a{color:inherit;text-decoration:none}
.contents a:hover{text-decoration:underline}.contents b{float:right}.good{background:#dcfce7;border-radius:10px;padding:14px 18px}
section p{margin:0 0 12px;color:var(--soft)}.tiles{display:flex;flex-wrap:wrap;gap:12px}
figure{margin:0;background:#fff;border:1px solid var(--line);border-radius:10px;overflow:hidden}
.tiles figure{width:min-content;min-width:222px}.pictures{display:flex;gap:2px;background:#1e293b;justify-content:center;min-height:80px;align-items:center}
.pictures img{display:block;max-width:220px}.none{width:220px;padding:40px 0;text-align:center;color:#94a3b8}
.tiles figcaption{padding:8px 10px;font-size:13px;overflow-wrap:anywhere}
.list{margin:8px 0;padding-left:20px;font-size:14px}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(460px,1fr));gap:14px;margin-top:12px}
.plot{padding:12px}.plot figcaption{font-weight:600;margin-bottom:6px}.plot svg{width:100%;height:auto;display:block}
details{margin-top:16px}summary{cursor:pointer}table{border-collapse:collapse;margin-top:8px;background:#fff}
td,th{border:1px solid var(--line);padding:4px 12px;text-align:right}td:nth-child(2),th:nth-child(2){text-align:left}
footer{margin-top:50px;color:var(--soft);font-size:13px}@media(max-width:560px){.plots{grid-template-columns:1fr}}
`;
