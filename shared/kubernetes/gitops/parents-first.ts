/** Something with the names by which others call it their parent, and the names of its own parents. */
interface Child {
  answers: readonly string[];
  parents: readonly string[];
}

/** The same, parents before their children; where they are each other's parents, in the order given. */
export function parentsFirst<T extends Child>(all: readonly T[]): T[] {
  const byName = Map.groupBy(
    all.flatMap((one) => one.answers.map((name) => ({ name, one }))),
    ({ name }) => name,
  );
  const ordered: T[] = [];
  const seen = new Set<T>();
  const visit = (one: T): void => {
    if (seen.has(one)) return;
    seen.add(one);
    for (const name of one.parents) for (const parent of byName.get(name) ?? []) visit(parent.one);
    ordered.push(one);
  };
  all.forEach(visit);
  return ordered;
}
