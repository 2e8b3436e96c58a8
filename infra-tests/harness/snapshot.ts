import { createHash } from "node:crypto";

/** One side at one moment: what identifies each thing, and its normalised content as canonical text. */
export class Snapshot {
  readonly entries: ReadonlyMap<string, string>;

  constructor(entries: Iterable<readonly [string, string]>) {
    this.entries = new Map([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  }

  /** SHA-256 over everything: equal exactly when the snapshots are. */
  get hash(): string {
    const hash = createHash("sha256");
    for (const pair of this.entries) hash.update(JSON.stringify(pair));
    return hash.digest("hex");
  }

  /** Every id that was added, removed or changed until `later`, with both contents; empty when nothing was. */
  changesUntil(later: Snapshot): SnapshotChange[] {
    const ids = new Set([...this.entries.keys(), ...later.entries.keys()]);
    return [...ids]
      .map((id) => ({ id, before: this.entries.get(id), after: later.entries.get(id) }))
      .filter(({ before, after }) => before !== after);
  }
}

/** What happened to one thing between two snapshots; undefined where it did not exist. */
export interface SnapshotChange {
  id: string;
  before: string | undefined;
  after: string | undefined;
}
