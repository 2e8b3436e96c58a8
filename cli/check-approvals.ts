import { fingerprintOf } from "../shared/engine/subjects.ts";
import { FaultList } from "./faults.ts";
import type { Session } from "./session.ts";

/** What a command line approves of a run. */
interface Wanted {
  subject?: string;
  fingerprint?: string;
}

/**
 * Throws what is wrong with any of these approvals, before the first of them is recorded: a command that is refused has
 * approved nothing.
 */
export async function checkApprovals(
  { store, world }: Pick<Session, "store" | "world">,
  runId: string,
  wanted: readonly Wanted[],
): Promise<void> {
  const [run, control] = await Promise.all([store.getRun(runId), store.getControl(runId)]);
  const migration = world.migrations.find(({ name }) => name === run?.migration);
  // What is not there, or not known here, is told by whoever acts on the run.
  if (run === undefined || control === undefined || migration === undefined) return;
  const faults = new FaultList();
  for (const { subject, fingerprint } of wanted) {
    if (subject === undefined) continue;
    await faults.look(() => fingerprintOf(migration, { run, control }, { subject, fingerprint }));
  }
  faults.throwIfAny();
}
