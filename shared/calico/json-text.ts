/** One member of an object in JSON text: `start` is at its key's quote, `end` behind its value. */
interface Member {
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

function skipSpace(text: string, at: number): number {
  let index = at;
  while (" \t\n\r".includes(text.charAt(index)) && index < text.length) index++;
  return index;
}

function skipString(text: string, at: number): number {
  let index = at + 1;
  while (text.charAt(index) !== '"') index += text.charAt(index) === "\\" ? 2 : 1;
  return index + 1;
}

/** The index behind the value that starts at `at`. The text must be valid JSON. */
function skipValue(text: string, at: number): number {
  let index = at;
  let depth = 0;
  do {
    const char = text.charAt(index);
    if (char === '"') index = skipString(text, index) - 1;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (depth === 0) return skipScalar(text, index);
    index++;
  } while (depth > 0);
  return index;
}

function skipScalar(text: string, at: number): number {
  let index = at;
  while (index < text.length && !", \t\n\r}]".includes(text.charAt(index))) index++;
  return index;
}

/** The members of the object that starts at `at`, the last of each name winning, and the index of its "}". */
function membersOf(text: string, at: number): { members: Map<string, Member>; close: number } {
  const members = new Map<string, Member>();
  let index = skipSpace(text, at + 1);
  while (text.charAt(index) !== "}") {
    const start = index;
    const keyEnd = skipString(text, start);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = skipValue(text, valueStart);
    members.set(JSON.parse(text.slice(start, keyEnd)) as string, { start, valueStart, end });
    index = skipSpace(text, end);
    if (text.charAt(index) === ",") index = skipSpace(text, index + 1);
  }
  return { members, close: index };
}

type Path = readonly [string, ...string[]];

/**
 * Sets a member of an object in JSON text and leaves every other byte as it is; objects on the way are made where they
 * are missing or null, at the end of their parent. `text` must be the valid JSON of an object, `value` is JSON text.
 */
export function setMember(text: string, path: Path, value: string): string {
  return setAt(text, skipSpace(text, 0), path, value);
}

function setAt(text: string, at: number, [name, ...rest]: Path, value: string): string {
  const { members, close } = membersOf(text, at);
  const member = members.get(name);
  const [next, ...others] = rest;
  if (member !== undefined && next !== undefined && text.charAt(member.valueStart) === "{") {
    return setAt(text, member.valueStart, [next, ...others], value);
  }
  const inserted = rest.reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, value);
  if (member !== undefined) return text.slice(0, member.valueStart) + inserted + text.slice(member.end);
  const behind = Math.max(at + 1, ...[...members.values()].map(({ end }) => end));
  const comma = members.size === 0 ? "" : ",";
  return `${text.slice(0, behind)}${comma}${JSON.stringify(name)}:${inserted}${text.slice(members.size === 0 ? close : behind)}`;
}

/**
 * Removes a member of an object in JSON text, with the object that holds it when that leaves it empty (the outermost
 * stays); every other byte stays as it is. Undoes a setMember that added.
 */
export function removeMember(text: string, path: Path): string {
  return removeAt(text, skipSpace(text, 0), path);
}

function removeAt(text: string, at: number, [name, ...rest]: Path): string {
  const { members } = membersOf(text, at);
  const member = members.get(name);
  if (member === undefined) return text;
  const [next, ...others] = rest;
  if (next === undefined) return cut(text, member);
  if (text.charAt(member.valueStart) !== "{") return text;
  const inner = membersOf(text, member.valueStart).members;
  const emptied = others.length === 0 && inner.size === 1 && inner.has(next);
  return emptied ? cut(text, member) : removeAt(text, member.valueStart, [next, ...others]);
}

/** Takes a member out with one of the commas beside it. */
function cut(text: string, { start, end }: Member): string {
  const before = text.slice(0, start).trimEnd();
  if (before.endsWith(",")) return before.slice(0, -1) + text.slice(end);
  const after = skipSpace(text, end);
  return text.slice(0, start) + text.slice(text.charAt(after) === "," ? skipSpace(text, after + 1) : end);
}
