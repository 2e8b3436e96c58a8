import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse as parseYaml, YAMLParseError } from "yaml";
import { z } from "zod";
import { errorMessage, MigratorError } from "../shared/errors.ts";
import type { World } from "./world.ts";

const AwsProfile = z.strictObject({
  stack: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  /** A profile of AWS's own configuration, for the credentials. */
  profile: z.string().min(1).optional(),
});

const Profile = z
  .strictObject({
    aws: AwsProfile.optional(),
    /** A file; a relative path counts from the configuration's folder. */
    store: z.string().min(1).optional(),
  })
  .refine(({ aws, store }) => (aws === undefined) !== (store === undefined), "must have either aws or store");

/** One place where runs are kept, under a name. */
export type Profile = z.infer<typeof Profile>;

const Config = z.strictObject({
  currentProfile: z.string().optional(),
  profiles: z.record(z.string(), Profile).default({}),
});
type Config = z.infer<typeof Config>;

/** Where the configuration is: in the user's configuration folder (XDG); undefined for a user who has none. */
export function configPath({ env }: Pick<World, "env">): string | undefined {
  const [configHome = "", home = ""] = [env["XDG_CONFIG_HOME"], env["HOME"]];
  if (configHome === "" && home === "") return undefined;
  const base = configHome === "" ? join(home, ".config") : configHome;
  return join(base, "calico-migrator", "config.yaml");
}

/**
 * The profile of this name, else the current one; undefined where none is asked for and none is current. Throws
 * PROFILE_UNKNOWN, and CONFIG_INVALID naming the field.
 */
export function readProfile(
  world: Pick<World, "env" | "cwd">,
  asked: string | undefined,
): Profile | undefined {
  const path = configPath(world);
  if (path === undefined) return asked === undefined ? undefined : refuse(asked);
  const config = readConfig(path);
  const name = asked ?? config.currentProfile;
  if (name === undefined) return undefined;
  const profile = config.profiles[name];
  if (profile === undefined) throw unknownProfile(path, name, config);
  return profile.store === undefined ? profile : { store: resolve(dirname(path), profile.store) };
}

function refuse(name: string): never {
  const message = `there is no profile "${name}": neither HOME nor XDG_CONFIG_HOME is set`;
  throw new MigratorError("PROFILE_UNKNOWN", message, {
    next: "Set one of them; or leave the profile out, and name the place with --store or --aws.",
  });
}

function readConfig(path: string): Config {
  const text = readIfPresent(path);
  if (text === undefined) return { profiles: {} };
  const parsed = Config.safeParse(parse(path, text) ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join(".") ?? "";
  throw invalid(path, `${field === "" ? "its root" : field}: ${issue?.message ?? "is invalid"}`);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw invalid(path, `it cannot be read: ${errorMessage(error)}`);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw invalid(path, line === undefined ? "it is not YAML" : `it is not YAML: line ${line}`);
  }
}

function invalid(path: string, problem: string): MigratorError {
  return new MigratorError("CONFIG_INVALID", `${path}: ${problem}`, {
    next: "Write `profiles: {NAME: {aws: {stack, region, profile}}}` or `profiles: {NAME: {store: FILE}}`, and `currentProfile: NAME`.",
    details: { path },
  });
}

function unknownProfile(path: string, name: string, { profiles }: Config): MigratorError {
  const known = Object.keys(profiles);
  return new MigratorError("PROFILE_UNKNOWN", `${path} has no profile "${name}"`, {
    next: known.length === 0 ? "Write the profile into that file." : `Use one of: ${known.join(", ")}.`,
  });
}
