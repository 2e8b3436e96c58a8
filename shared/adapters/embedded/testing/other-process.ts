import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { aCheckpoint, take } from "../../../engine/contract/fixtures.ts";
import { SystemClock } from "../../system-clock.ts";
import { type Embedded, holderName, openEmbedded } from "../index.ts";

/** What another process does with a store, told by its first argument; it says on its standard output how far it is. */
const roles: Readonly<Record<string, (embedded: Embedded) => Promise<void>>> = {
  /** Opens the store and closes it. */
  open: () => Promise.resolve(),

  /** Changes a control record and puts checkpoints, as fast as it can, from the moment when it is told to. */
  async write({ store }) {
    const lease = await take(store, `run/${process.pid}`, holderName());
    say("ready");
    await told();
    for (let i = 0; i < 200; i += 1) {
      await store.updateControl("r1", (control) => ({ ...control, retries: control.retries + 1 }));
      await store.putCheckpoints("r1", `ledger ${process.pid}`, [aCheckpoint(`k${i}`)], lease);
    }
  },

  /** Puts groups of ten checkpoints until it is killed, and says after each group that it is stored. */
  async "write for ever"({ store }) {
    const lease = await take(store, "run/killed", holderName());
    const ledger = `ledger ${lease.token}`;
    for (let group = 0; ; group += 1) {
      const checkpoints = Array.from({ length: 10 }, (_, i) => aCheckpoint(`k${group * 10 + i}`));
      await store.putCheckpoints("r1", ledger, checkpoints, lease);
      say(`${lease.token} ${group}`);
    }
  },

  /** Answers one message of run "ping" by one of run "pong". */
  async answer({ queue }) {
    say("ready");
    const [delivery] = await queue.receive({ max: 1, visibilityMs: 60_000, waitMs: 60_000, runId: "ping" });
    if (delivery === undefined) throw new Error("no message came");
    await queue.acknowledge(delivery);
    await queue.send([{ message: { type: "run.advance", runId: "pong" } }]);
  },

  /** Writes the beginning of an artifact, and its end when it is told to. */
  async "write artifact"({ artifacts }) {
    async function* content(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(600_000, "a");
      say("begun");
      await told();
      yield Buffer.alloc(600_000, "b");
    }
    await artifacts.write("backup", content());
  },
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Resolves when a line comes on the standard input. */
async function told(): Promise<void> {
  const input = createInterface(process.stdin);
  await once(input, "line");
  input.close();
}

const [role = "", path = ""] = process.argv.slice(2);
const embedded = openEmbedded(path, { clock: new SystemClock() });
await roles[role]?.(embedded);
embedded.close();
