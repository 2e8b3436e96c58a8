import type { IEvent, IWatchResponse } from "etcd3";
import type { EtcdChange } from "./types.ts";

/**
 * How far a stretch of history has been read, event by event, so that a lost watch can be taken up again without a
 * gap and without doing an event twice.
 *
 * etcd sends the events of a revision together, in an order that never changes, but may split them into fragments.
 * After a loss inside a revision, that revision is read again and what was seen of it is skipped.
 */
export class ChangeCursor {
  readonly #through: number;
  /** Everything up to here was seen. */
  #complete: number;
  /** What was seen of the revision that came in part. */
  #partial = { revision: 0, seen: 0 };
  /** What is still to be skipped of it. */
  #toSkip = 0;

  constructor(afterRevision: number, throughRevision: number) {
    this.#complete = afterRevision;
    this.#through = throughRevision;
  }

  isDone(): boolean {
    return this.#complete >= this.#through;
  }

  /** The newest revision that needs no reading any more. */
  get complete(): number {
    return this.#complete;
  }

  /** To be called for each new watch, which then must start at {@link ChangeCursor.complete} + 1. */
  restart(): void {
    this.#toSkip = this.#partial.revision > this.#complete ? this.#partial.seen : 0;
  }

  /** The new events of one answer, in order. */
  accept(response: Pick<IWatchResponse, "events" | "fragment">): EtcdChange[] {
    const changes = response.events.filter((event) => this.#isNew(Number(event.kv.mod_revision))).map(change);
    const last = response.events.at(-1);
    if (last !== undefined) this.#advance(Number(last.kv.mod_revision), response.fragment);
    return changes;
  }

  #isNew(revision: number): boolean {
    if (revision <= this.#complete || revision > this.#through) return false;
    if (this.#partial.revision !== revision) {
      this.#partial = { revision, seen: 0 };
      this.#toSkip = 0;
    }
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return false;
    }
    this.#partial.seen++;
    return true;
  }

  #advance(lastRevision: number, isFragment: boolean): void {
    this.#complete = Math.max(this.#complete, isFragment ? lastRevision - 1 : lastRevision);
  }
}

function change({ type, kv }: IEvent): EtcdChange {
  const key = kv.key.toString("utf8");
  const modRevision = Number(kv.mod_revision);
  // etcd3's types and its proto file spell the event types differently.
  return type.toLowerCase() === "delete"
    ? { type: "delete", key, modRevision }
    : { type: "put", key, value: kv.value, modRevision };
}
