import { type Command, Option } from "commander";
import { z } from "zod";
import { durationOf } from "./common.ts";

const ON_LOCK_BUDGET = ["rollback", "warn"] as const;
const ON_LOCK_FAILURE = ["rollback", "hold"] as const;

/** The flags of every run that locks a datastore; durations are milliseconds. */
export const LockFlags = z.object({
  maxLock: z.int().optional(),
  onLockBudget: z.enum(ON_LOCK_BUDGET).optional(),
  onLockFailure: z.enum(ON_LOCK_FAILURE).optional(),
});
export type LockFlags = z.infer<typeof LockFlags>;

/** Adds the options of every run that locks a datastore. */
export function withLockOptions(command: Command): Command {
  return command
    .option(
      "--max-lock <duration>",
      "how long the datastore may be locked, such as 90s or 10m (default: 10m)",
      durationOf(1000, 86_400_000),
    )
    .addOption(
      new Option(
        "--on-lock-budget <action>",
        "when it is locked for longer: go back before the unlock, or warn again and again (default: warn)",
      ).choices(ON_LOCK_BUDGET),
    )
    .addOption(
      new Option(
        "--on-lock-failure <action>",
        "when the run fails between lock and unlock: go back, or hold it until a person comes (default: rollback)",
      ).choices(ON_LOCK_FAILURE),
    );
}

/** Those options as the migrations' schemas name them. */
export function lockOptions(flags: LockFlags): Readonly<Record<string, number | string | undefined>> {
  const { maxLock: maxLockMs, onLockBudget, onLockFailure } = flags;
  return { maxLockMs, onLockBudget, onLockFailure };
}
