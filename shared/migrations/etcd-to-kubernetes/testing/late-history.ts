import { isApproved } from "../../../engine/approvals.ts";
import type { Dice } from "../../testing/dice.ts";
import { Life } from "../../testing/life.ts";
import { policyKey, policyValue } from "./policies.ts";
import { assertState } from "./steps.ts";
import { type Described, startRun, type Worker, World } from "./world.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];
const COPIED = NAMES.slice(0, 4);
const SUBJECT = "not-carried-back";
const MOST_STEPS = 4_000;
const ALL_LEASES_MS = 60_000;

/** What somebody has last written to etcd since the unlock: a value, or none where it was deleted. */
type Theirs = Map<string, string | undefined>;

/**
 * A late way back to an etcd to which somebody writes who ignores its lock: before the way back begins, and as long as a person
 * has not been asked inside the lock; while Kubernetes goes on being used, and workers die between a write and its record.
 */
export class LateHistory {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #theirs: Theirs = new Map();
  /** What Kubernetes held last, by name: the order of a policy. */
  readonly #here = new Map<string, number>();
  readonly #asked = new Set<string>();

  private constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  /** Plays one to its end. @returns what is wrong in etcd afterwards, or was never asked for. */
  static async play(dice: Dice): Promise<string[]> {
    using world = await World.create();
    return await new LateHistory(world, dice).#play();
  }

  async #play(): Promise<string[]> {
    for (const name of COPIED) {
      this.#world.etcd.put(keyOf(name), valueOf(name, 0));
      this.#here.set(name, 0);
    }
    let worker = this.#world.worker();
    const runId = await startRun(worker);
    assertState(await this.#world.drive(worker, runId), "Succeeded");
    for (let acts = this.#dice.roll(8); acts > 0; acts--) await this.#act();
    this.#meddle();
    await worker.engine.undo(runId, "rollback");
    for (let step = 0; step < MOST_STEPS; step++) {
      const described = await this.#world.describe(worker, runId);
      if (described.run.state === "RolledBack") return this.#judge();
      if (worker.life.dead) worker = await this.#rise(worker, runId);
      else if (!(await this.#help(worker, described))) await this.#world.advance(worker);
    }
    const { run } = await this.#world.describe(worker, runId);
    return [`it did not end: ${JSON.stringify([run.state, run.stage, run.failure, run.waiting])}`];
  }

  /** Around the locking, until the carrying back has begun: what is written later is written to a datastore that is being used again. */
  #meddle(): void {
    let locked = false;
    const { etcd, kubernetes } = this.#world;
    kubernetes.hooks.after = (write) => {
      if (!write.includes("clusterinformations/default") || locked) return;
      locked = true;
      if (this.#dice.oneIn(2)) this.#writeThere();
    };
    etcd.hooks.before = (write) => {
      // Right before the first write of the way back, to the very key that it is about to write.
      const name = NAMES.find((one) => write === `put ${keyOf(one)}`);
      if (name !== undefined && this.#dice.oneIn(3)) this.#put(name);
    };
  }

  async #act(): Promise<void> {
    if (this.#dice.oneIn(2)) this.#writeThere();
    else await this.#writeHere(this.#dice.pick(NAMES));
  }

  #writeThere(): void {
    const name = this.#dice.pick(NAMES);
    if (this.#dice.oneIn(3)) {
      if (this.#world.etcd.dump()[keyOf(name)] === undefined) return;
      this.#world.etcd.delete(keyOf(name));
      this.#theirs.set(name, undefined);
      return;
    }
    this.#put(name);
  }

  #put(name: string): void {
    const value = valueOf(name, this.#dice.roll(3));
    this.#world.etcd.put(keyOf(name), value);
    this.#theirs.set(name, value);
  }

  async #writeHere(name: string): Promise<void> {
    const { kubernetes, group } = this.#world;
    const kind = { apiVersion: group, plural: "networkpolicies", namespace: "shop" };
    const order = this.#dice.roll(3);
    if (this.#here.has(name) && this.#dice.oneIn(3)) {
      await kubernetes.delete({ ...kind, name });
      this.#here.delete(name);
      return;
    }
    if (this.#here.has(name)) {
      await kubernetes.patch({ ...kind, name }, { spec: { order } }, { type: "merge" });
    } else {
      const metadata = { name, namespace: "shop" };
      const spec = { order, selector: "all()", types: ["Ingress"] };
      await kubernetes.create(kind, { apiVersion: group, kind: "NetworkPolicy", metadata, spec });
    }
    this.#here.set(name, order);
  }

  async #rise(worker: Worker, runId: string): Promise<Worker> {
    worker.close();
    this.#world.clock.advance(ALL_LEASES_MS);
    const next = this.#world.worker(
      this.#dice.oneIn(2) ? new Life() : new Life({ writes: 1 + this.#dice.roll(40) }),
    );
    await Promise.race([next.engine.wake(runId), next.life.ended]);
    return next;
  }

  async #help(worker: Worker, { run, control }: Described): Promise<boolean> {
    if (run.state !== "Waiting" || run.waiting?.subject !== SUBJECT) return false;
    const { fingerprint, message } = run.waiting;
    for (const name of NAMES) if (message.includes(`/shop/${name} (`)) this.#asked.add(name);
    if (isApproved(control.approvals, SUBJECT, fingerprint)) return false;
    // Whoever reads the question may do something about it first.
    if (this.#dice.oneIn(3)) this.#writeThere();
    await Promise.race([worker.engine.approve(run.runId, "test", SUBJECT), worker.life.ended]);
    return true;
  }

  /** What somebody has written to etcd is there as it was written, and was asked for where Kubernetes had another; all else is as in Kubernetes. */
  #judge(): string[] {
    const etcd = this.#world.etcd.dump();
    return NAMES.flatMap((name) => {
      const found = etcd[keyOf(name)];
      const here = this.#here.get(name);
      if (!this.#theirs.has(name))
        return orderOf(found) === here
          ? []
          : [`${name} is ${found ?? "gone"}, not as in Kubernetes: ${here ?? "gone"}`];
      const theirs = this.#theirs.get(name);
      // What meant the same was nobody's question, and what was there of it may have been written again.
      if (orderOf(theirs) === here && orderOf(found) === here) return [];
      // A key that came and went again since the unlock leaves no trace: Kubernetes' is carried, as if nobody had written it.
      if (theirs === undefined && !COPIED.includes(name) && orderOf(found) === here) return [];
      if (found !== theirs)
        return [`${name} is ${found ?? "gone"}, not as it was written: ${theirs ?? "gone"}`];
      return this.#asked.has(name) ? [] : [`${name} was never asked for`];
    });
  }
}

function keyOf(name: string): string {
  return policyKey(`shop/${name}`);
}

function valueOf(name: string, order: number): string {
  return policyValue(`shop/${name}`, { order });
}

function orderOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return (JSON.parse(text) as { spec: { order: number } }).spec.order;
}
