import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { z } from "zod";
import type { TargetGroup } from "../../shared/calico/kinds.ts";
import type { World } from "../world.ts";
import { integer, seconds } from "./common.ts";

/** What `--target-group` stands for. */
export const GROUPS: Readonly<Record<"v1" | "v3", TargetGroup>> = {
  v1: "crd.projectcalico.org/v1",
  v3: "projectcalico.org/v3",
};

/** The options of `etcd-to-kubernetes` on a command line; durations have become milliseconds. */
export const EtcdToKubernetesFlags = z.object({
  manifest: z.string().optional(),
  rollbackManifest: z.string().optional(),
  targetGroup: z.enum(["v1", "v3"]).optional(),
  batchSize: z.int().optional(),
  quietTime: z.int().optional(),
  rolloutDeadline: z.int().optional(),
});
export type EtcdToKubernetesFlags = z.infer<typeof EtcdToKubernetesFlags>;

/** Adds the options of `etcd-to-kubernetes`. */
export function withMigrationOptions(command: Command): Command {
  return withManifestOptions(command.optionsGroup("Migration:"))
    .option("--batch-size <n>", "resources in a batch (default: 200)", integer(1, 1000))
    .option(
      "--quiet-time <seconds>",
      "how long the locked etcd must stay unchanged (default: 2)",
      seconds(0, 600),
    )
    .option(
      "--rollout-deadline <seconds>",
      "how long the rollout may take (default: 1800)",
      seconds(1, 86_400),
    );
}

/** Adds those that decide which objects a run writes. */
export function withManifestOptions(command: Command): Command {
  return command
    .option(
      "--manifest <source>",
      "Calico's manifest for the Kubernetes datastore: file, directory or URL; without it the run waits until you switch",
    )
    .option(
      "--rollback-manifest <source>",
      "Calico's manifest for etcd, for the way back (default: as it was)",
    )
    .addOption(
      new Option(
        "--target-group <group>",
        "v1: crd.projectcalico.org/v1; v3: projectcalico.org/v3 (default: what is there)",
      ).choices(["v1", "v3"]),
    );
}

/** The options of a migration as its own schema takes them. Paths become absolute. */
export function migrationOptions(
  world: Pick<World, "cwd">,
  migration: string,
  flags: EtcdToKubernetesFlags,
): object {
  if (migration !== "etcd-to-kubernetes") return {};
  const options = {
    manifest: sourceOf(world, flags.manifest),
    rollbackManifest: sourceOf(world, flags.rollbackManifest),
    targetGroup: flags.targetGroup === undefined ? undefined : GROUPS[flags.targetGroup],
    batchSize: flags.batchSize,
    quietMs: flags.quietTime,
    rolloutDeadlineMs: flags.rolloutDeadline,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A source as every working directory understands it: a path becomes absolute. */
export function sourceOf({ cwd }: Pick<World, "cwd">, source: string | undefined): string | undefined {
  if (source === undefined || /^https?:\/\//i.test(source)) return source;
  return resolve(cwd, source);
}
