import { statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { type Embedded, openEmbedded } from "../shared/adapters/embedded/index.ts";
import { MigratorError } from "../shared/errors.ts";
import type { World } from "./world.ts";

/**
 * Where the store is: as asked for, else as CALICO_MIGRATOR_STORE says, else in the user's state folder (XDG). Throws
 * STORE_UNNAMED where nothing tells: a store in whatever folder a program happens to run in would not be found again.
 */
export function storePath({ env, cwd }: Pick<World, "env" | "cwd">, asked: string | undefined): string {
  const given = asked ?? env["CALICO_MIGRATOR_STORE"] ?? "";
  if (given !== "") return resolve(cwd, given);
  const folder = stateFolder({ env });
  if (folder === undefined) throw unnamed();
  return join(folder, "store.db");
}

/** The user's folder for what the program keeps (XDG); undefined for a user who has none. */
export function stateFolder({ env }: Pick<World, "env">): string | undefined {
  // A relative one would be another folder wherever the program runs: the XDG specification says to ignore it.
  const [stateHome = "", home = ""] = [env["XDG_STATE_HOME"], env["HOME"]].map((path = "") =>
    isAbsolute(path) ? path : "",
  );
  if (stateHome === "" && home === "") return undefined;
  const base = stateHome === "" ? join(home, ".local", "state") : stateHome;
  return join(base, "calico-migrator");
}

/** Opens the store. Throws STORE_NOT_FOUND where there is none, unless it is to be created. */
export function openStore(path: string, clock: World["clock"], create: boolean): Embedded {
  if (create || !isEmpty(path)) return openEmbedded(path, { clock });
  throw new MigratorError("STORE_NOT_FOUND", `there is no store at ${path}`, {
    next: "Name the store with --store, or start a run: that creates it.",
  });
}

/** An empty file would become a store: a new one has everything in the file beside it for a moment. */
function isEmpty(path: string): boolean {
  const isNothing = (file: string) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined || (found.isFile() && found.size === 0);
  };
  return isNothing(path) && isNothing(`${path}-wal`);
}

function unnamed(): MigratorError {
  const message =
    "neither HOME nor XDG_STATE_HOME names a folder from the root, so there is no place for the store";
  return new MigratorError("STORE_UNNAMED", message, {
    next: "Name a file with --store, or with the environment variable CALICO_MIGRATOR_STORE.",
  });
}
