import { z } from "zod";
import type { Checkpoint } from "../../../../engine/records.ts";
import { errorMessage, isRetryable, MigratorError } from "../../../../errors.ts";
import { isKubernetesError } from "../../../../kubernetes/errors.ts";
import { seenOf } from "../as-shown.ts";
import { lineInvalid, linesOf, sideOf } from "../content.ts";
import { noteExpected } from "../hidden/expected.ts";
import { type Context, rows, uncarried } from "../options.ts";
import type { Found, Item, Side } from "../side.ts";
import { add, type Inventory } from "./inventory.ts";
import type { Surroundings } from "./surroundings.ts";
import { shownKey } from "../objects.ts";

const GROUP = 100;

/** Compares one part of the backup with what is there, and records of each item what is to be done. Repeatable. */
export async function readPart(
  context: Context,
  part: string,
  inventory: Inventory,
  looked: { surroundings: Surroundings; isShownNatively: boolean },
): Promise<void> {
  const side = sideOf(context);
  let group: Item[] = [];
  const flush = async (): Promise<void> => {
    await judge(context, { side, part, inventory, ...looked }, group);
    group = [];
  };
  for await (const { line, number } of linesOf(context, part)) {
    const item = itemOf(side, line, part, number, inventory);
    if (item === undefined) continue;
    group.push(item);
    if (group.length >= GROUP) await flush();
  }
  await flush();
}

function itemOf(
  side: Side,
  line: Parameters<Side["itemOf"]>[0],
  part: string,
  number: number,
  inventory: Inventory,
): Item | undefined {
  try {
    noteResource(inventory, line);
    return side.itemOf(line);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    add(inventory, "invalid", lineInvalid(part, number, error).message);
    return undefined;
  }
}

const WithRef = z.looseObject({ ref: z.looseObject({ apiVersion: z.string(), plural: z.string() }) });

function noteResource(inventory: Inventory, line: unknown): void {
  const parsed = WithRef.safeParse(line);
  if (!parsed.success) return;
  const resource = `${parsed.data.ref.apiVersion}/${parsed.data.ref.plural}`;
  if (!inventory.resources.includes(resource)) inventory.resources.push(resource);
}

interface Judging {
  side: Side;
  part: string;
  inventory: Inventory;
  surroundings: Surroundings;
  /** Whether an aggregated API server is to show natively what is put back of the old group. */
  isShownNatively: boolean;
}

async function judge(context: Context, judging: Judging, items: readonly Item[]): Promise<void> {
  const { side, inventory, surroundings } = judging;
  const reasons = await Promise.all(items.map((item) => surroundings.whyNot(item)));
  const possible = items.filter((_, index) => reasons[index] === undefined);
  if (judging.isShownNatively) await noteExpected(context, possible);
  const found = await side.read(possible);
  const all: Checkpoint[] = [];
  const out: Checkpoint[] = [];
  for (const [index, item] of items.entries()) {
    const reason = reasons[index];
    if (reason !== undefined) {
      add(inventory, "uncarried", `${shownKey(item.key)} (${reason})`, `${item.key} (${reason})`);
      out.push({
        ...rowOf(item, "pending", { subject: "uncarried", reason }),
        target: shownKey(item.key),
      });
      all.push(rowOf(item, "reverted", { reason }));
      continue;
    }
    const present = found.get(item.key);
    const isSame = present !== undefined && side.wants(item) === present.hash;
    all.push(rowOf(item, isSame ? "verified" : "pending", seenOf(present)));
    count(judging, item, present, isSame);
  }
  await rows(context).put(all);
  await uncarried(context).put(out);
  const open = possible.filter(({ key }) => all.some((row) => row.key === key && row.state === "pending"));
  for (const { item, reason } of await refusals(side, open, found))
    add(inventory, "refused", `${shownKey(item.key)}: ${reason}`);
}

function count(
  { side, part, inventory }: Judging,
  item: Item,
  found: Found | undefined,
  isSame: boolean,
): void {
  if (isSame) {
    inventory.same++;
    return;
  }
  inventory[found === undefined ? "create" : "overwrite"]++;
  inventory.byKind[item.kind] = (inventory.byKind[item.kind] ?? 0) + 1;
  if (item.delicate === "addresses")
    add(inventory, "addresses", shownKey(item.key), `${item.key} ${side.wants(item)} ${found?.hash ?? ""}`);
  const ranks = (inventory.ranks[part] ??= []);
  if (!ranks.includes(item.rank)) ranks.push(item.rank);
}

/**
 * Asks the API server about every write, and gives all that it refuses. What has no definition yet cannot be judged, and is
 * passed over until every definition is `served`.
 */
export async function refusals(
  side: Side,
  items: readonly Item[],
  found: ReadonlyMap<string, Found>,
  served = false,
): Promise<{ item: Item; reason: string }[]> {
  const answers = await Promise.all(
    items.map(async (item) => {
      try {
        await side.rehearse?.(item, found.get(item.key));
        return [];
      } catch (error) {
        if (!served && isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return [];
        if (!(error instanceof MigratorError) || isRetryable(error)) throw error;
        return [{ item, reason: errorMessage(error) }];
      }
    }),
  );
  return answers.flat();
}

function rowOf(
  { rank, key, kind }: Item,
  state: Checkpoint["state"],
  detail: Record<string, string> = {},
): Checkpoint {
  return { rank, key, state, target: key, sourceRevision: 0, detail: { kind, ...detail } };
}
