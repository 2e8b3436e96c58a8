import { z } from "zod";
import type { WaitRequest } from "../../../engine/migration.ts";
import { firstUnsettled } from "../../copying/unsettled.ts";
import { type Context, isPrecopied, resources } from "../context.ts";
import { withoutIt } from "../left-out.ts";
import { judgeNativeChanges, nativeChanges } from "../native-look.ts";
import { collectByComparing } from "./collect-changes.ts";

/**
 * How long after the last comparison the unlock looks at nothing again: a run that nothing holds up is there much sooner.
 * Milliseconds.
 */
const HELD_MS = 10_000;
const RANKS: readonly number[] = [1, 2, 3];
const Noted = z.object({ nativeSince: z.record(z.string(), z.string()).default({}) });

/**
 * Both groups once more right before the unlock, where the run was held inside the lock since they were compared: for a person
 * who wanted to look, or by a failure. What was written to the old group is applied. Throws VERIFY_FAILED for native objects
 * that are not what the old group means.
 */
export async function lookAgainIfHeld(context: Context): Promise<{ wait: WaitRequest } | undefined> {
  // Not since `verify-changes`: somebody may have held the run before that, which reads back only what changed until then.
  const compared = (await isPrecopied(context)) ? "catch-up-last" : "copy-locked";
  const { finishedAt } = (await context.stageOf(compared)) ?? {};
  if (finishedAt === undefined || context.clock.now() - finishedAt < HELD_MS) return undefined;
  const { nativeSince } = Noted.parse(await context.notesOf("catch-up-last"));
  const changes = await nativeChanges(context, nativeSince);
  await collectByComparing(context);
  const unsettled = await firstUnsettled(resources(context), RANKS, await withoutIt(context));
  if (unsettled !== undefined) return unsettled();
  await judgeNativeChanges(context, changes, "over");
  return undefined;
}
