import { askFor, shownThings } from "../../engine/approvals.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import { recordChanges, type SourceChange } from "./changes.ts";
import { type Context, conversion } from "./context.ts";

const NAMED = 5;
/** What came since preflight and cannot be carried. */
const LATE = "uncarried-late";

/** What a stage that records changes asks for. */
export const ASKS_FOR_LATE = [{ subject: LATE, kind: "found" }] as const;

/** Changes that are recorded chunk by chunk, and judged at the end: what was broken may have been mended since. */
export class Recording {
  readonly #context: Context;
  readonly #blocked = new Set<string>();
  #found: number;
  readonly #uncarried = new Map<string, string>();

  constructor(context: Context, found: number) {
    this.#context = context;
    this.#found = found;
  }

  async record(chunk: readonly SourceChange[]): Promise<void> {
    if (chunk.length === 0) return;
    const { recorded, uncarried, blocked } = await recordChanges(this.#context, chunk, () =>
      conversion(this.#context),
    );
    for (const { key } of chunk) {
      this.#blocked.delete(key);
      this.#uncarried.delete(key);
    }
    for (const key of blocked) this.#blocked.add(key);
    for (const { key, reason } of uncarried) this.#uncarried.set(key, reason);
    this.#found += recorded;
  }

  /** How many changes were found; waits for a person where some cannot be carried. Throws CATCH_UP_BLOCKED for what is broken. */
  finish(): number | { wait: WaitRequest } {
    if (this.#blocked.size > 0) throw blockedBy(this.#blocked);
    if (this.#uncarried.size === 0) return this.#found;
    const named = [...this.#uncarried].slice(0, NAMED).map(([key, reason]) => `${key} (${reason})`);
    const message = `since the copy, ${this.#uncarried.size} resources came to the source that cannot be carried: ${named.join("; ")}; \`describe\` lists all`;
    const shown = shownThings(message, this.#uncarried);
    return this.#context.approved(LATE, shown) ? this.#found : { wait: askFor(LATE, shown) };
  }
}

function blockedBy(blocked: ReadonlySet<string>): MigratorError {
  const [example = ""] = blocked;
  const message = `since the copy, ${blocked.size} resources came to the source that are broken (${example})`;
  return new MigratorError("CATCH_UP_BLOCKED", message, {
    next: "See them with `describe`. Mend them in etcd and `resume`, or undo the run with `rollback`.",
  });
}
