/** What a look at a folder has seen, in words, and a YAML file that would describe it, ready to be filled in and pasted. */

import { extname } from "node:path";

import { stringify } from "yaml";

import { countPictures, pictureFolders, type FolderSurvey, type SurveyedFolder } from "./folder-survey.js";
import { printable } from "../printable.js";

const MOST_LINES = 12;
const MOST_EXTENSIONS = 3;

/** Files that may hold labels. */
const LABEL_EXTENSIONS = [".xml", ".txt", ".json", ".csv"];

/** `Seen: 296 .xml beside 296 .jpg in train/`, a line a folder. */
export function seenText({ folders, closed, complete }: FolderSurvey): string {
  const lines = folders.flatMap((folder) => {
    const line = folderText(folder);
    return line === undefined ? [] : [line];
  });
  const told = lines.slice(0, MOST_LINES);
  if (told.length < lines.length) told.push(`and ${lines.length - told.length} more folders with files`);
  if (closed.length > 0) told.push(`${closed.map(nameOf).slice(0, MOST_LINES).join(", ")}: may not be entered`);
  if (!complete) told.push("more below, which was not looked at");
  return told.length === 0 ? "Seen: no files." : `Seen:\n${told.map((line) => `  ${line}`).join("\n")}`;
}

function folderText({ path, pictures, others }: SurveyedFolder): string | undefined {
  const texts = [...others].map(([extension, names]) => [extension || "other", names.length] as const);
  const [own, beside] = [counts(texts), counts(pictureExtensions(pictures))];
  if (own === "" && beside === "") return undefined;
  return `${[own, beside].filter((text) => text !== "").join(" beside ")} in ${nameOf(path)}`;
}

function pictureExtensions(pictures: readonly string[]): [string, number][] {
  const found = new Map<string, number>();
  for (const name of pictures) found.set(extname(name), (found.get(extname(name)) ?? 0) + 1);
  return [...found];
}

function counts(entries: readonly (readonly [string, number])[]): string {
  const most = [...entries].sort((a, b) => b[1] - a[1]).slice(0, MOST_EXTENSIONS);
  return most.map(([extension, count]) => `${count} ${extension}`).join(" and ");
}

function nameOf(path: string): string {
  return path === "." ? "the folder itself" : `${printable(path)}/`;
}

/** A description in the likeliest format, with what only the user knows in capital letters. */
export function yamlToFill(survey: FolderSurvey): string {
  const pictures = pictureFolders(survey).sort((a, b) => b.pictures.length - a.pictures.length)[0];
  if (!pictures) return "There is no picture in it: give the folder that holds pictures and labels.";
  const labels = LABEL_EXTENSIONS.map((extension) => ({ extension, ...fullest(survey, extension) })).sort(
    (a, b) => b.count - a.count,
  )[0]!;
  const place = { path: survey.root };
  const names = ["FIRST CLASS", "SECOND CLASS"];
  if (labels.count === 0) {
    const text = yaml({ format: "yolo", ...place, train: pictures.path, labels: "FOLDER-OF-LABELS", names });
    return `There are pictures but no labels. Where they are in YOLO's form elsewhere, a file data.yaml says so:\n${text}`;
  }
  const descriptions: Readonly<Record<string, object>> = {
    ".xml": { format: "voc", ...place, train: labels.path, images: pictures.path },
    ".txt": { format: "yolo", ...place, train: pictures.path, labels: labels.path, names },
    ".json": { format: "coco", ...place, train: labels.file, images: pictures.path },
    ".csv": { format: "csv", ...place, train: labels.file, images: pictures.path },
  };
  const hint = labels.extension === ".json" && labels.count * 2 > countPictures(survey) ? ONE_JSON_A_PICTURE : "";
  const why =
    "Labels belong to pictures of the same name (XML, YOLO) or name them (COCO, CSV); these do not, or are of another kind.";
  return `${why}${hint}\nA file data.yaml that says where they are, to be corrected:\n${yaml(descriptions[labels.extension]!)}`;
}

const ONE_JSON_A_PICTURE = " One JSON file a picture, as LabelMe writes them, is not read: export COCO from there.";

function fullest({ folders }: FolderSurvey, extension: string): { path: string; file: string; count: number } {
  const best = folders.reduce<{ path: string; names: readonly string[] }>(
    (most, { path, others }) => {
      const names = others.get(extension) ?? [];
      return names.length > most.names.length ? { path, names } : most;
    },
    { path: ".", names: [] },
  );
  const file = best.path === "." ? (best.names[0] ?? "") : `${best.path}/${best.names[0] ?? ""}`;
  return { path: best.path, file, count: best.names.length };
}

function yaml(content: object): string {
  return stringify(content).trimEnd().replace(/^/gmu, "  ");
}
