import type { JsonObject } from "../../../json.ts";
import type { PauseBook } from "../pause-managers.ts";
import { managerKey, type ManagerRef, SavedPause } from "../saved-pause.ts";

/** Records as a ledger keeps them: as JSON, by key. */
export class MemoryBook implements PauseBook {
  readonly rows = new Map<string, string>();
  /** Called before every write; one that throws stands for a crash. */
  beforeKeep: (() => void) | undefined;

  find(manager: ManagerRef): Promise<SavedPause | undefined> {
    const row = this.rows.get(managerKey(manager));
    return Promise.resolve(row === undefined ? undefined : SavedPause.parse(JSON.parse(row)));
  }

  keep(saved: SavedPause): Promise<void> {
    return new Promise((resolve) => {
      this.beforeKeep?.();
      this.rows.set(managerKey(saved), JSON.stringify(saved));
      resolve();
    });
  }

  all(): SavedPause[] {
    return [...this.rows.values()].map((row) => SavedPause.parse(JSON.parse(row)));
  }

  found(manager: ManagerRef): JsonObject | undefined {
    return this.all().find((one) => managerKey(one) === managerKey(manager))?.found;
  }
}
