import { statSync } from "node:fs";
import type { Database } from "./database.ts";
import { StoreCopiedError } from "./errors.ts";
import { machineId } from "./machine.ts";

/** Added without a new version of the schema: what knows nothing of it loses nothing by it. */
const TABLE =
  "CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 1), place TEXT NOT NULL) STRICT";
const UNFINISHED = "SELECT run_id FROM runs WHERE holds_cluster = 1 OR next_wake_at IS NOT NULL LIMIT 1";

/**
 * Makes sure that this file is the one that its runs were worked on in, and no copy of it: both would go on with one run, and
 * neither's leases keep the other away. A store without an unfinished run may be anywhere. With `moved`, a person says
 * that the other file is used no more. Throws StoreCopiedError.
 */
export function checkPlace(database: Database, moved: boolean): void {
  const here = placeOf(database.path);
  database.writeNow(() => {
    database.run(TABLE);
    const known = database.get("SELECT place FROM place")?.["place"];
    if (known === here) return;
    const unfinished = database.get(UNFINISHED)?.["run_id"];
    if (known !== undefined && unfinished !== undefined && !moved)
      throw new StoreCopiedError(database.path, String(unfinished));
    database.run("INSERT OR REPLACE INTO place (id, place) VALUES (1, ?)", here);
  });
}

/** A copy is another file, born later; numbers of devices change with the boot, and are left out. */
function placeOf(path: string): string {
  const { ino, birthtimeMs } = statSync(path);
  return `${machineId()}/${ino}/${Math.round(birthtimeMs)}`;
}
