/** CSV as RFC 4180 has it, plus other separators: records of fields, each with the line on which it begins. No meaning of columns here. */

export interface CsvRecord {
  /** 1-based. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** @returns the records that are not empty, outer blanks of unquoted fields removed */
export function parseCsv(text: string): CsvRecord[] {
  const source = text.replace(/^\uFEFF/, "");
  const separator = separatorOf(source);
  const records: CsvRecord[] = [];
  let at = 0;
  let line = 1;
  while (at < source.length) {
    const first = line;
    const fields: string[] = [];
    for (let more = true; more;) {
      const field = readField(source, at, separator);
      fields.push(field.value);
      line += field.lines;
      at = field.end + 1;
      more = source[field.end] === separator;
      if (source[field.end] === "\r" && source[at] === "\n") at++;
    }
    line++;
    if (fields.some((field) => field !== "")) records.push({ line: first, fields });
  }
  return records;
}

/** A spreadsheet of some countries writes semicolons; whichever is commonest in the first line is meant. */
function separatorOf(text: string): string {
  const [firstLine = ""] = text.split(/[\r\n]/, 1);
  const count = (separator: string) => firstLine.split(separator).length;
  return [";", "\t"].reduce((best, other) => (count(other) > count(best) ? other : best), ",");
}

/** One field from `start` on; `end` is where its separator or line end stands. */
function readField(text: string, start: number, separator: string): { value: string; end: number; lines: number } {
  if (text[start] !== '"') {
    let end = start;
    while (end < text.length && text[end] !== separator && text[end] !== "\n" && text[end] !== "\r") end++;
    return { value: text.slice(start, end).trim(), end, lines: 0 };
  }
  let value = "";
  let at = start + 1;
  for (; at < text.length; at++) {
    if (text[at] !== '"') value += text[at]!;
    else if (text[at + 1] === '"') value += text[at++]!;
    else break;
  }
  const rest = readField(text, Math.min(at + 1, text.length), separator);
  return { value: value + rest.value, end: rest.end, lines: value.split("\n").length - 1 };
}

/** Fields as a line of CSV. */
export function csvLine(fields: readonly (string | number)[]): string {
  return fields.map((field) => (/[",;\r\n]|^\s|\s$/.test(String(field)) ? quote(String(field)) : field)).join(",");
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
