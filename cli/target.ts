import { usageError } from "./failures.ts";
import type { OutputFlags } from "./options/common.ts";
import { readProfile } from "./config.ts";
import { storePath } from "./store.ts";
import type { World } from "./world.ts";

/** The stack's name where nothing else is said. */
export const DEFAULT_STACK = "CalicoMigrator";

/** A stack in an AWS account. */
export interface AwsTarget {
  kind: "aws";
  stack: string;
  /** Default: as AWS's own tools find it. */
  region?: string;
  /** The profile of AWS's configuration that has the credentials. Default: as AWS's own tools find them. */
  credentialsProfile?: string;
}

/** Where runs are kept: in a file, or in what a stack has deployed. */
export type Target = { kind: "store"; path: string } | AwsTarget;

type TargetFlags = Pick<OutputFlags, "aws" | "store" | "profile" | "region">;

/**
 * Where a command line's runs are: as `--aws` or `--store` says, else the profile that `--profile` or
 * CALICO_MIGRATOR_PROFILE names, else the file of CALICO_MIGRATOR_STORE, else the current profile, else the user's own
 * store. Throws USAGE for what excludes each other, and what `readProfile` throws.
 */
export function targetOf(world: Pick<World, "env" | "cwd">, flags: TargetFlags): Target {
  if (flags.aws !== undefined && flags.store !== undefined)
    throw usageError("--aws and --store exclude each other", "Give one of the two.");
  if (flags.store !== undefined) return { kind: "store", path: storePath(world, flags.store) };
  const asked = askedProfile(world, flags);
  const fileOfEnv = (world.env["CALICO_MIGRATOR_STORE"] ?? "") !== "";
  const profile =
    asked === undefined && fileOfEnv && flags.aws === undefined ? undefined : readProfile(world, asked);
  if (flags.aws !== undefined || profile?.aws !== undefined) return awsTarget(flags, profile?.aws ?? {});
  return { kind: "store", path: profile?.store ?? storePath(world, undefined) };
}

/** True when the command line itself, and not a current profile, asks for AWS. */
export function asksForAws(world: Pick<World, "env" | "cwd">, flags: TargetFlags): boolean {
  return flags.aws !== undefined || (flags.profile !== undefined && targetOf(world, flags).kind === "aws");
}

function askedProfile({ env }: Pick<World, "env">, { profile }: TargetFlags): string | undefined {
  const ofEnv = env["CALICO_MIGRATOR_PROFILE"] ?? "";
  return profile ?? (ofEnv === "" ? undefined : ofEnv);
}

function awsTarget(
  flags: TargetFlags,
  profile: { stack?: string | undefined; region?: string | undefined; profile?: string | undefined },
): AwsTarget {
  const region = flags.region ?? profile.region;
  const asked = typeof flags.aws === "string" ? flags.aws : undefined;
  return {
    kind: "aws",
    stack: asked ?? profile.stack ?? DEFAULT_STACK,
    ...(region === undefined ? {} : { region }),
    ...(profile.profile === undefined ? {} : { credentialsProfile: profile.profile }),
  };
}
