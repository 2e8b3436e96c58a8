import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Embedded, openEmbedded } from "../shared/adapters/embedded/index.ts";
import { MigratorError } from "../shared/errors.ts";
import type { World } from "./world.ts";

/** Where the store is: as asked for, else as CALICO_MIGRATOR_STORE says, else in the user's state folder (XDG). */
export function storePath({ env, cwd }: Pick<World, "env" | "cwd">, asked: string | undefined): string {
  const given = asked ?? env["CALICO_MIGRATOR_STORE"] ?? "";
  if (given !== "") return resolve(cwd, given);
  const stateHome = env["XDG_STATE_HOME"] ?? "";
  const base = stateHome === "" ? join(env["HOME"] ?? cwd, ".local", "state") : stateHome;
  return join(base, "calico-migrator", "store.db");
}

/** Opens the store. Throws STORE_NOT_FOUND where there is none, unless it is to be created. */
export function openStore(path: string, clock: World["clock"], create: boolean): Embedded {
  if (create || existsSync(path)) return openEmbedded(path, { clock });
  throw new MigratorError("STORE_NOT_FOUND", `there is no store at ${path}`, {
    next: "Name the store with --store, or start a run: that creates it.",
  });
}
