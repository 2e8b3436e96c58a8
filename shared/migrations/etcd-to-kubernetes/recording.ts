import { askFor, shownThings } from "../../engine/approvals.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { recordChanges } from "./changes.ts";
import type { SourceChange } from "./source-changes.ts";
import { changesOfHomes } from "./changes-of-homes.ts";
import { type Context, uncarried } from "./context.ts";
import { type Homes, readHomes } from "./homes.ts";

const NAMED = 5;
/** What came since preflight and cannot be carried. */
const LATE = "uncarried-late";

/** What a stage that records changes asks for. */
export const ASKS_FOR_LATE = [{ subject: LATE, kind: "found" }] as const;

/** How changes are recorded. */
export interface RecordingTraits {
  /** What cannot be carried is asked for at the lock, with what preflight has found. */
  beforeLock?: boolean;
}

/** Changes that are recorded chunk by chunk, and judged at the end: what was broken may have been mended since. */
export class Recording {
  readonly #context: Context;
  readonly #traits: RecordingTraits;
  readonly #blocked = new Set<string>();
  #found: number;
  readonly #uncarried = new Map<string, Checkpoint>();
  #homes: Promise<Homes> | undefined;

  constructor(context: Context, found: number, traits: RecordingTraits = {}) {
    this.#context = context;
    this.#traits = traits;
    this.#found = found;
  }

  async record(chunk: readonly SourceChange[]): Promise<void> {
    if (chunk.length === 0) return;
    const { recorded, uncarried, blocked } = await recordChanges(this.#context, chunk, {
      homes: () => this.#readHomes(),
      ...this.#traits,
    });
    for (const { key } of chunk) {
      this.#blocked.delete(key);
      this.#uncarried.delete(key);
    }
    for (const key of blocked) this.#blocked.add(key);
    for (const row of uncarried) this.#uncarried.set(row.key, row);
    this.#found += recorded;
  }

  /** Records what has to be copied again, or is left behind, because namespaces and Nodes come and go. @returns how many. */
  async recordHomes(): Promise<number> {
    const before = this.#found;
    for await (const chunk of changesOfHomes(this.#context, await this.#readHomes()))
      await this.record(chunk);
    return this.#found - before;
  }

  /** How many changes were found; waits for a person where some cannot be carried. Throws CATCH_UP_BLOCKED for what is broken. */
  async finish(): Promise<number | { wait: WaitRequest }> {
    if (this.#blocked.size > 0) throw blockedBy(this.#blocked);
    if (this.#uncarried.size === 0 || this.#traits.beforeLock === true) return this.#found;
    const lost = [...this.#uncarried].map(([key, row]): [string, string] => [key, lossOf(row)]);
    const named = lost.slice(0, NAMED).map(([key, reason]) => `${key} (${reason})`);
    const message = `since the copy, ${lost.length} resources came to the source that cannot be carried: ${named.join("; ")}; \`describe\` lists all`;
    const shown = shownThings(message, lost);
    if (!this.#context.approved(LATE, shown)) return { wait: askFor(LATE, shown) };
    const rows = [...this.#uncarried.values()];
    await uncarried(this.#context).put(
      rows.map((row) => ({ ...row, detail: { ...row.detail, agreed: true } })),
    );
    return this.#found;
  }

  #readHomes(): Promise<Homes> {
    this.#homes ??= readHomes(this.#context);
    return this.#homes;
  }
}

function lossOf({ detail }: Checkpoint): string {
  const reason = textAt(detail, "reason");
  return detail["copyRemoved"] === true
    ? `${reason}; what was copied of it is deleted in the target`
    : reason;
}

function blockedBy(blocked: ReadonlySet<string>): MigratorError {
  const named = [...blocked].slice(0, NAMED).join(", ");
  const more = blocked.size > NAMED ? ` and ${blocked.size - NAMED} more` : "";
  const message = `since the copy, ${blocked.size} resources came to the source that are broken (${named}${more})`;
  return new MigratorError("CATCH_UP_BLOCKED", message, {
    next: "See them with `describe`. Mend them in etcd and `resume`, or undo the run with `rollback`.",
  });
}
