/** The name of a class, or its number where it has none: models and files may know more classes than names. */
export function classNameOf(names: readonly string[] | ReadonlyMap<number, string>, classId: number): string {
  const name = "get" in names ? names.get(classId) : names[classId];
  return name ?? String(classId);
}
