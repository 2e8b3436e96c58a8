import type { JsonObject } from "../json.ts";
import { unknownMigration } from "./abandon.ts";
import { HeldLease } from "./held-lease.ts";
import { runLease } from "./lease-names.ts";
import { openLock, toLock } from "./lock.ts";
import { isEnd } from "./records.ts";
import { RunSession } from "./session.ts";
import type { EngineParts } from "./settings.ts";

/**
 * Tells a run that has ended that the datastore it left locked is open again: somebody else has lifted the lock. `data` goes into the
 * event. True when its record says so now; false where it does not, as the run goes on or another process works on it.
 */
export async function tellLifted<C>(
  parts: EngineParts<C>,
  runId: string,
  data: JsonObject,
): Promise<boolean> {
  const { signal } = new AbortController();
  const request = { name: runLease(runId), holder: parts.holder, ttlMs: parts.leaseTtlMs, signal };
  await using lease = await HeldLease.take(parts, request);
  if (lease === undefined) return false;
  const run = await parts.store.getRun(runId);
  const control = await parts.store.getControl(runId);
  if (run === undefined || control === undefined || !isEnd(run.state)) return false;
  const lock = openLock(run);
  if (lock === undefined) return true;
  const migration = parts.migrations.get(run.migration) ?? unknownMigration<C>(run.migration);
  const session = new RunSession(parts, lease, { run, control, migration });
  const { lockPolicy: policy } = session;
  const { datastore } = lock;
  await session.save((from, now) => toLock(from, { state: "unlocked", datastore, data, policy }, now));
  await session.leave();
  return true;
}
