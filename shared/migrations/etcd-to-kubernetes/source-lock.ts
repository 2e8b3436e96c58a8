import { lockedClusterInformation, readLock, unlockedClusterInformation } from "../../calico/lock.ts";
import { etcdKeyOf } from "../../calico/keys.ts";
import { MigratorError } from "../../errors.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import type { Context } from "./context.ts";
import { lockNotHeld } from "../target/lock.ts";

/** Where etcd keeps ClusterInformation, which says whether the datastore may be used. */
export const CLUSTER_INFORMATION_KEY = etcdKeyOf({
  type: "resource",
  kind: "ClusterInformation",
  name: "default",
});

/** The source's ClusterInformation. Throws SOURCE_NOT_CALICO when there is none. */
export async function readClusterInformation(context: Context): Promise<EtcdKeyValue> {
  const found = await context.connections.etcd().getMany([CLUSTER_INFORMATION_KEY]);
  const value = found.get(CLUSTER_INFORMATION_KEY);
  if (value !== undefined) return value;
  throw new MigratorError("SOURCE_NOT_CALICO", `etcd holds no ${CLUSTER_INFORMATION_KEY}`, {
    next: "See that calico-node runs with this etcd, which writes it when it starts, then `resume`; where --etcd-endpoints lead to another etcd, undo the run with `rollback` and start again with the right ones.",
  });
}

/**
 * Locks the source, marked as this run's, or renews that lock by writing it again. `remember` is called with the value
 * before the first write, so that exactly it can be put back.
 *
 * @returns the revision of the write: every change up to it is in etcd's history below it.
 */
export async function lockSource(
  context: Context,
  remember: (before: string) => Promise<void>,
): Promise<number> {
  const { found, text, ours } = await readSourceLock(context);
  if (!ours) await remember(text);
  const value = ours ? text : lockedClusterInformation(text, context.run.runId);
  context.ensureHeld();
  const etcd = context.connections.etcd();
  const written = await etcd.compareAndPut({
    key: CLUSTER_INFORMATION_KEY,
    expectedModRevision: found.modRevision,
    value,
  });
  if (!written.applied) throw lockNotHeld("etcd", false);
  const after = readLock((await readClusterInformation(context)).value.toString("utf8"));
  if (after.ready !== false || after.lockedBy !== context.run.runId) throw lockNotHeld("etcd", false);
  return written.revision;
}

/** Reads whose lock the source has. Throws SOURCE_NOT_CALICO, SOURCE_LOCKED_BY_OTHER. */
export async function readSourceLock(
  context: Context,
): Promise<{ found: EtcdKeyValue; text: string; ours: boolean }> {
  const found = await readClusterInformation(context);
  const text = found.value.toString("utf8");
  const { lockedBy, ready } = readLock(text);
  if (lockedBy !== undefined && lockedBy !== context.run.runId) throw lockedByOther(lockedBy);
  return { found, text, ours: lockedBy === context.run.runId && ready === false };
}

/** Lifts the lock: what ClusterInformation was before it is put back, byte for byte unless somebody wrote since. Only this run's own lock is lifted. */
export async function unlockSource(context: Context, before: string): Promise<void> {
  const found = await readClusterInformation(context);
  const text = found.value.toString("utf8");
  if (readLock(text).lockedBy !== context.run.runId) return;
  const untouched = text === lockedClusterInformation(before, context.run.runId);
  context.ensureHeld();
  const etcd = context.connections.etcd();
  const written = await etcd.compareAndPut({
    key: CLUSTER_INFORMATION_KEY,
    expectedModRevision: found.modRevision,
    value: untouched ? before : unlockedClusterInformation(text),
  });
  if (!written.applied) throw lockNotHeld("etcd", true);
}

function lockedByOther(runId: string): MigratorError {
  return new MigratorError("SOURCE_LOCKED_BY_OTHER", `etcd is locked by run "${runId}"`, {
    next: `Finish or undo that run first (\`calico-migrator describe ${runId}\`), then \`resume\`. A lock that it left when it was given up is lifted with \`calico-migrator unlock --force --side etcd\`.`,
  });
}
