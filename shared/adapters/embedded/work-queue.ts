import type { SQLInputValue } from "node:sqlite";
import type { Clock, Delivery, WorkMessage, WorkQueue } from "../../engine/ports.ts";
import { canonicalJson } from "../../json.ts";
import type { Database } from "./database.ts";
import { holderName, isHolderDead } from "./holder.ts";
import { parseJson } from "./json-column.ts";

/** How soon a waiting receiver notices what another process sent. */
const pollMs = 200;

type ReceiveQuery = Parameters<WorkQueue["receive"]>[0];

interface MessageRow {
  message_id: number;
  message: string;
  deliveries: number;
}

/** A receiver that waits, and for what. */
interface Waiting {
  query: ReceiveQuery;
  wake: () => void;
}

/**
 * Work messages in the store's file, for all processes that have it open. They need not outlive their machine: whoever takes a run
 * up again sends what its checkpoints say is to be done. A message that is due and was never delivered
 * is not stored a second time; while one is being handled, the same message is stored again, since it may tell of more.
 * What a process of this host had received when it died is given to the next receiver at once, as its leases are.
 */
export class EmbeddedWorkQueue implements WorkQueue {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #receiver: string;
  readonly #waiting = new Set<Waiting>();
  /** Grows whenever this process made messages visible, so that a receiver about to sleep does not miss it. */
  #changes = 0;
  #closed = false;

  constructor(database: Database, clock: Clock, receiver = holderName()) {
    this.#receiver = receiver;
    this.#database = database;
    this.#clock = clock;
  }

  async send(messages: readonly { message: WorkMessage; delayMs?: number }[]): Promise<void> {
    if (messages.length === 0) return;
    await this.#database.writeUnsynced(() => {
      for (const { message, delayMs } of messages) this.#add(message, delayMs ?? 0);
    });
    const types = new Set(messages.map(({ message }) => message.type));
    this.#wake(({ only }) => only === undefined || types.has(only));
  }

  /** Throws an Error when it is asked after it was closed: who asks without end would leave this process no time for anything. */
  async receive(query: ReceiveQuery): Promise<Delivery[]> {
    this.#refuseWhenClosed();
    const end = this.#clock.now() + query.waitMs;
    for (;;) {
      if (this.#closed || query.signal?.aborted === true) return [];
      const seen = this.#changes;
      const deliveries = await this.#take(query);
      const left = end - this.#clock.now();
      if (deliveries.length > 0 || left <= 0) return deliveries;
      await this.#wait(query, left, seen);
    }
  }

  async acknowledge(delivery: Delivery): Promise<void> {
    const [id, deliveries] = parseId(delivery);
    // A message that was delivered again is the next receiver's to acknowledge.
    const sql = "DELETE FROM messages WHERE message_id = ? AND deliveries = ?";
    await this.#database.writeUnsynced(() => this.#database.run(sql, id, deliveries));
  }

  async extend(delivery: Delivery, visibilityMs: number): Promise<void> {
    const [id, deliveries] = parseId(delivery);
    const visibleAt = this.#clock.now() + visibilityMs;
    const sql = "UPDATE messages SET visible_at = ? WHERE message_id = ? AND deliveries = ?";
    await this.#database.writeUnsynced(() => this.#database.run(sql, visibleAt, id, deliveries));
    this.#wake();
  }

  /** Ends waiting receivers, with no messages; later ones are refused. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new Error("the work queue is closed");
  }

  #add(message: WorkMessage, delayMs: number): void {
    const now = this.#clock.now();
    const text = canonicalJson({ ...message });
    if (delayMs <= 0 && this.#isAnnounced(text, now)) return;
    this.#database.run(
      "INSERT INTO messages (type, run_id, message, visible_at) VALUES (?, ?, ?, ?)",
      message.type,
      message.runId,
      text,
      now + delayMs,
    );
  }

  /** True when somebody is yet to receive the same message: whoever does will see all that was done until now. */
  #isAnnounced(text: string, now: number): boolean {
    const sql = "SELECT 1 FROM messages WHERE message = ? AND visible_at <= ? AND deliveries = 0 LIMIT 1";
    return this.#database.get(sql, text, now) !== undefined;
  }

  async #take(query: ReceiveQuery): Promise<Delivery[]> {
    // Looking costs nothing; only what seems to be there is worth a transaction that writes.
    const { dead, some } = await this.#database.read(() => ({
      dead: this.#deadReceivers(),
      some: this.#due(query, 1),
    }));
    if (dead.length === 0 && some.length === 0) return [];
    return this.#database.writeUnsynced(() => {
      for (const receiver of dead) this.#show(receiver);
      return this.#due(query, query.max).map((row) => this.#deliver(row, query));
    });
  }

  /** Those for whom messages are hidden, though they are no more. */
  #deadReceivers(): string[] {
    const sql = "SELECT DISTINCT receiver FROM messages WHERE visible_at > ? AND receiver <> ?";
    const others = this.#database.all(sql, this.#clock.now(), this.#receiver);
    return others.map(({ receiver }) => String(receiver)).filter(isHolderDead);
  }

  /** Shows again what is hidden for a receiver. */
  #show(receiver: string): void {
    const now = this.#clock.now();
    const sql = "UPDATE messages SET visible_at = ?, receiver = NULL WHERE receiver = ? AND visible_at > ?";
    this.#database.run(sql, now, receiver, now);
  }

  #due(query: ReceiveQuery, limit: number): MessageRow[] {
    const [filter, values] = filterOf(query);
    const rows = this.#database.all(
      `SELECT message_id, message, deliveries FROM messages WHERE visible_at <= ? ${filter}
       ORDER BY visible_at, message_id LIMIT ?`,
      this.#clock.now(),
      ...values,
      limit,
    );
    return rows as unknown as MessageRow[];
  }

  #deliver(row: MessageRow, query: ReceiveQuery): Delivery {
    const deliveries = row.deliveries + 1;
    const sql = "UPDATE messages SET visible_at = ?, deliveries = ?, receiver = ? WHERE message_id = ?";
    const visibleAt = this.#clock.now() + query.visibilityMs;
    this.#database.run(sql, visibleAt, deliveries, this.#receiver, row.message_id);
    return { id: `${row.message_id}:${deliveries}`, message: parseJson(row.message) as WorkMessage };
  }

  /** Sleeps until something may have come since `seen`: by this process, by another one, or by the passing of time. */
  async #wait(query: ReceiveQuery, leftMs: number, seen: number): Promise<void> {
    if (this.#changes !== seen || query.signal?.aborted === true) return;
    const woken = new AbortController();
    const wake = () => {
      woken.abort();
    };
    const waiting = { query, wake };
    this.#waiting.add(waiting);
    query.signal?.addEventListener("abort", wake, { once: true });
    try {
      await this.#clock.sleep(Math.min(leftMs, pollMs, await this.#nextDueMs(query)), woken.signal);
    } finally {
      query.signal?.removeEventListener("abort", wake);
      this.#waiting.delete(waiting);
    }
  }

  async #nextDueMs(query: ReceiveQuery): Promise<number> {
    const [filter, values] = filterOf(query);
    const sql = `SELECT min(visible_at) AS next FROM messages WHERE true ${filter}`;
    const row = await this.#database.read(() => this.#database.get(sql, ...values));
    return typeof row?.["next"] === "number" ? row["next"] - this.#clock.now() : Infinity;
  }

  #wake(whom: (query: ReceiveQuery) => boolean = () => true): void {
    this.#changes += 1;
    for (const { query, wake } of this.#waiting) if (whom(query)) wake();
  }
}

function filterOf(query: ReceiveQuery): [string, SQLInputValue[]] {
  const filters = { type: query.only, run_id: query.runId };
  const given = Object.entries(filters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return [given.map(([column]) => `AND ${column} = ?`).join(" "), given.map(([, value]) => value)];
}

function parseId(delivery: Delivery): [number, number] {
  const [id, deliveries] = delivery.id.split(":").map(Number);
  return [id ?? -1, deliveries ?? -1];
}
