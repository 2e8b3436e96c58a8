import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { z } from "zod";
import type { World } from "../../world.ts";
import { durationOf, integer, seconds } from "../common.ts";

const ON_LOCK_BUDGET = ["rollback", "warn"] as const;
const ON_LOCK_FAILURE = ["rollback", "hold"] as const;

/** The flags of every migration of Calico's data; durations are milliseconds. */
export const SharedFlags = z.object({
  batchSize: z.int().optional(),
  quietTime: z.int().optional(),
  quietDeadline: z.int().optional(),
  rolloutDeadline: z.int().optional(),
  maxLock: z.int().optional(),
  onLockBudget: z.enum(ON_LOCK_BUDGET).optional(),
  onLockFailure: z.enum(ON_LOCK_FAILURE).optional(),
});
export type SharedFlags = z.infer<typeof SharedFlags>;

/** Adds the options of every migration of Calico's data. */
export function withSharedOptions(command: Command): Command {
  return command
    .option("--batch-size <n>", "resources in a batch (default: 200)", integer(1, 1000))
    .option(
      "--quiet-time <seconds>",
      "how long the locked datastore must stay unchanged (default: 2; apiserver-to-crds: 3)",
      seconds(0, 600),
    )
    .option(
      "--quiet-deadline <seconds>",
      "how long others may keep the locked datastore from becoming quiet (default: 120)",
      seconds(1, 86_400),
    )
    .option(
      "--rollout-deadline <seconds>",
      "how long the rollout may take (default: 1800)",
      seconds(1, 86_400),
    )
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
export function sharedOptions(flags: SharedFlags): Readonly<Record<string, number | string | undefined>> {
  const {
    batchSize,
    quietTime: quietMs,
    quietDeadline: quietDeadlineMs,
    rolloutDeadline: rolloutDeadlineMs,
  } = flags;
  const { maxLock: maxLockMs, onLockBudget, onLockFailure } = flags;
  return { batchSize, quietMs, quietDeadlineMs, rolloutDeadlineMs, maxLockMs, onLockBudget, onLockFailure };
}

/** A source as every working directory understands it: a path becomes absolute. */
export function sourceOf({ cwd }: Pick<World, "cwd">, source: string | undefined): string | undefined {
  if (source === undefined || /^https?:\/\//i.test(source)) return source;
  return resolve(cwd, source);
}
