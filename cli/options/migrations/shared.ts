import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { hasScheme } from "../../../shared/kubernetes/manifest-url.ts";
import type { World } from "../../world.ts";
import { integer, seconds } from "../common.ts";
import { LockFlags, lockOptions, withLockOptions } from "../lock.ts";

/** The flags of every migration of Calico's data; durations are milliseconds. */
export const SharedFlags = z.object({
  batchSize: z.int().optional(),
  quietTime: z.int().optional(),
  quietDeadline: z.int().optional(),
  rolloutDeadline: z.int().optional(),
  ...LockFlags.shape,
});
export type SharedFlags = z.infer<typeof SharedFlags>;

/** Adds the options of every migration of Calico's data. */
export function withSharedOptions(command: Command): Command {
  command
    .option("--batch-size <n>", "resources in a batch (default: 200)", integer(1, 1000))
    .option(
      "--quiet-time <seconds>",
      "how long the locked datastore must stay unchanged (default: 2)",
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
    );
  return withLockOptions(command);
}

/** Those options as the migrations' schemas name them. */
export function sharedOptions(flags: SharedFlags): Readonly<Record<string, number | string | undefined>> {
  const {
    batchSize,
    quietTime: quietMs,
    quietDeadline: quietDeadlineMs,
    rolloutDeadline: rolloutDeadlineMs,
  } = flags;
  return { batchSize, quietMs, quietDeadlineMs, rolloutDeadlineMs, ...lockOptions(flags) };
}

/** A source as every working directory understands it: a path becomes absolute. */
export function sourceOf({ cwd }: Pick<World, "cwd">, source: string | undefined): string | undefined {
  if (source === undefined || hasScheme(source)) return source;
  return resolve(cwd, source);
}
