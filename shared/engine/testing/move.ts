import type { JsonObject } from "../../json.ts";
import { ledgerPages } from "../ledger.ts";
import type { Action, Gate, Migration, StageContext, Sweep } from "../migration.ts";
import type { BatchRecord, Checkpoint, CheckpointState } from "../records.ts";
import { Shelves, type ShelvesClient } from "./shelves.ts";
import { action, DONE, failure, gate, migrationOf } from "./stages.ts";

type Context = StageContext<ShelvesClient, JsonObject>;
type SweepStage = Sweep<ShelvesClient, JsonObject>;

const LEDGER = "resources";
const PER_BATCH = 2;
const PER_STEP = 2 * PER_BATCH;

function keysOf(batch: Readonly<BatchRecord>): string[] {
  return batch.scope["keys"] as string[];
}

function batchesOf(keys: readonly string[]): { scope: JsonObject; size: number }[] {
  const starts = keys.map((_, index) => index).filter((index) => index % PER_BATCH === 0);
  return starts
    .map((start) => keys.slice(start, start + PER_BATCH))
    .map((some) => ({ scope: { keys: some }, size: some.length }));
}

/** Acts on those of a batch that are not in this state yet: cluster first, checkpoint second. */
async function workOn(
  context: Context,
  batch: Readonly<BatchRecord>,
  state: CheckpointState,
  act: (key: string) => Promise<void>,
): Promise<{ done: true; counts: Record<string, number> }> {
  const ids = keysOf(batch).map((key) => ({ rank: Shelves.rank(key), key }));
  for (const checkpoint of await context.ledger(LEDGER).get(ids)) {
    if (checkpoint.state === state) continue;
    context.ensureHeld();
    await act(checkpoint.key);
    await context.ledger(LEDGER).put([{ ...checkpoint, state }]);
  }
  return { done: true, counts: { [state]: ids.length } };
}

const planCopy: SweepStage["plan"] = async (context, cursor) => {
  const at = typeof cursor === "number" ? cursor : 0;
  const { source } = context.connections.shelves;
  const keys = [...source.keys()].sort((a, b) => Shelves.rank(a) - Shelves.rank(b));
  const first = keys[at];
  const sameRank = keys
    .slice(at, at + PER_STEP)
    .filter((key) => Shelves.rank(key) === Shelves.rank(first ?? ""));
  const next = at + sameRank.length;
  const pending = (key: string): Checkpoint => ({
    rank: Shelves.rank(key),
    key,
    state: "pending",
    target: key,
    sourceRevision: 1,
    detail: {},
  });
  await context.ledger(LEDGER).put(sameRank.map(pending));
  const barrier = Shelves.rank(keys[next] ?? "") !== Shelves.rank(first ?? "");
  return { batches: batchesOf(sameRank), cursor: next, barrier, done: next >= keys.length };
};

/** Plans over the ledger, which holds what the copy planned. */
const planLedger: SweepStage["plan"] = async (context) => {
  const batches = [];
  for await (const page of ledgerPages(context.ledger(LEDGER), { limit: PER_STEP })) {
    batches.push(...batchesOf(page.map(({ key }) => key)));
  }
  return { batches, done: true };
};

function sweep(name: string, plan: SweepStage["plan"], work: SweepStage["work"]): SweepStage {
  return { kind: "sweep", name, title: name, plan, work };
}

function act(name: string, run: (context: Context) => Promise<void>): Action<ShelvesClient, JsonObject> {
  return action<ShelvesClient>(name, async (context) => {
    await run(context);
    return DONE;
  });
}

const copy = sweep("copy", planCopy, (context, batch) =>
  workOn(context, batch, "applied", (key) => context.connections.write("put", key)),
);

const verify = sweep("verify", planLedger, (context, batch) =>
  workOn(context, batch, "verified", (key) =>
    context.connections.shelves.target.has(key)
      ? Promise.resolve()
      : Promise.reject(failure("MISSING", false)),
  ),
);

const deleteCopies = sweep("delete-copies", planLedger, (context, batch) =>
  workOn(context, batch, "reverted", (key) => context.connections.write("remove", key)),
);

const lock = act("lock", async (context) => {
  if (context.notes["found"] === undefined)
    await context.record({ found: context.connections.shelves.locked });
  context.ensureHeld();
  await context.connections.write("setLock", true);
});

const unlock = act("unlock", async (context) => {
  const { found } = await context.notesOf("lock");
  context.ensureHeld();
  if (found !== undefined) await context.connections.write("setLock", found === true);
});

const retire = act("retire", async (context) => {
  context.ensureHeld();
  await context.connections.write("retire");
});

const restore = act("restore", async (context) => {
  context.ensureHeld();
  await context.connections.write("restore");
});

const prove: Gate<ShelvesClient, JsonObject> = gate("prove", (context) => {
  const { target, locked, retired } = context.connections.shelves;
  return target.size > 0 || locked || retired
    ? Promise.reject(failure("NOT_AS_IT_WAS", false))
    : Promise.resolve(DONE);
});

/** A migration in small: gates, actions and sweeps, with an order of kinds, a lock, and a point of no return. */
export const moveShelves: Migration<ShelvesClient> = migrationOf(
  [
    gate("check", () => Promise.resolve(DONE)),
    { ...copy, changesCluster: true, undo: [deleteCopies] },
    { ...lock, undo: [unlock] },
    verify,
    { ...retire, pointOfNoReturn: true, undo: [restore] },
  ],
  [prove],
);
