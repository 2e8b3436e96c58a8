import { z } from "zod";
import { MigratorError } from "../../../errors.ts";
import type { Json } from "../../../json.ts";
import { readJsonLines } from "../../artifact-lines.ts";
import { partsOf, readIndex } from "../index-file.ts";
import { EtcdSide } from "./etcd-side.ts";
import { KubernetesSide } from "./kubernetes-side.ts";
import type { Context } from "./options.ts";
import type { Item, ItemRank, Side } from "./side.ts";

const GROUP = 100;
// The line is taken as it is: a schema that looked into it would make ordinary numbers of integers that are kept
// exact.
const AnyLine = z.custom<Json>(() => true);

/** The side that is put back. */
export function sideOf(context: Context): Side {
  return context.options.side === "etcd" ? new EtcdSide(context) : new KubernetesSide(context);
}

/** The names of the parts of the side, in their order: those of the index, where there is one. */
export async function partNames(context: Context): Promise<string[]> {
  const { from, side } = context.options;
  const present = (await partsOf(context.artifacts, from, [side])).map(({ name }) => name);
  const index = await readIndex(context.artifacts, from);
  const whole = new Set(index?.parts.map(({ name }) => name) ?? present);
  return present.filter((name) => whole.has(name));
}

/** The lines of a part, each with its number from 1. */
export async function* linesOf(
  context: Pick<Context, "artifacts">,
  part: string,
): AsyncGenerator<{ line: Json; number: number }> {
  let number = 0;
  for await (const line of readJsonLines(context.artifacts.read(part), AnyLine))
    yield { line, number: ++number };
}

/** The items of a part, of one rank or all, in groups of bounded size. */
export async function* itemGroups(context: Context, part: string, rank?: ItemRank): AsyncGenerator<Item[]> {
  const side = sideOf(context);
  let group: Item[] = [];
  for await (const { line, number } of linesOf(context, part)) {
    const item = parsed(side, line, part, number);
    if (item === undefined || (rank !== undefined && item.rank !== rank)) continue;
    group.push(item);
    if (group.length < GROUP) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function parsed(side: Side, line: Json, part: string, number: number): Item | undefined {
  try {
    return side.itemOf(line);
  } catch (error) {
    if (error instanceof z.ZodError) throw lineInvalid(part, number, error);
    throw error;
  }
}

/** What to do about a line that is wrong: a backup is never imported over another one. */
export const MEND_LINE =
  "Mend the file that the line came from and import it under another name (`calico-migrator backup import FOLDER --name NAME`), then restore with that name, or another backup.";

/** A line of a backup that says something else than a backup says. */
export function lineInvalid(part: string, line: number, { issues }: z.ZodError): MigratorError {
  const each = issues.slice(0, 3).map(({ path, message }) => `${path.join(".") || "the line"}: ${message}`);
  return new MigratorError("BACKUP_INVALID", `${part}, line ${line}: ${each.join("; ")}`, {
    next: MEND_LINE,
    details: { part, line },
  });
}
