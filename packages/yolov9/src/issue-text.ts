/** What a schema found wrong with a value from a file, in words for a person: the key, what stands there, and what is allowed. */
import type { z } from "zod";

/** So many problems of one file are told. */
const SHOWN = 5;

/**
 * @param value what was checked
 * @returns a line a problem: `category_ids.2 is "a", but must be a whole number`
 */
export function issueLines(error: z.ZodError, value: unknown): string[] {
  const lines = [...new Set(error.issues.map((issue) => issueText(issue, value)))];
  return lines.length <= SHOWN ? lines : [...lines.slice(0, SHOWN), `and ${lines.length - SHOWN} more problems`];
}

function issueText(issue: z.core.$ZodIssue, value: unknown): string {
  const key = issue.path.map(String).join(".");
  const found = issue.path.reduce<unknown>(memberOf, value);
  if (issue.code === "unrecognized_keys")
    return `unknown key ${issue.keys.map((name) => [key, name].filter(Boolean).join(".")).join(", ")}`;
  if (found === undefined) return `${key === "" ? "everything" : key} is missing; it must be ${allowed(issue)}`;
  return `${key === "" ? "it" : key} is ${shown(found)}, but must be ${allowed(issue)}`;
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys and values",
  record: "keys and values",
  tuple: "a list",
  null: "nothing",
  undefined: "nothing",
};

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? issue.expected;
    case "invalid_value":
      return `one of ${issue.values.map(String).join(", ")}`;
    case "too_small":
      return limit(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return limit(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "invalid_union":
      return [...new Set(issue.errors.flatMap((option) => option.slice(0, 1).map(allowed)))].join(", or ");
    default:
      return issue.message;
  }
}

function limit(origin: string, comparison: string, bound: number | bigint): string {
  if (origin === "string") return `text of ${comparison} ${bound} characters`;
  if (origin === "array" || origin === "set" || origin === "map") return `a list of ${comparison} ${bound} entries`;
  return `${comparison} ${bound}`;
}

const LONGEST = 60;

function shown(value: unknown): string {
  const text =
    typeof value === "object"
      ? Array.isArray(value)
        ? "a list"
        : value === null
          ? "nothing"
          : "keys and values"
      : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
