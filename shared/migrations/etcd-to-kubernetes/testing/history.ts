import { resource, resourceKey } from "../../../calico/testing/samples.ts";
import { isApproved } from "../../../engine/approvals.ts";
import { Life } from "../../testing/life.ts";
import type { Dice } from "../../testing/dice.ts";
import { storedNodeNames } from "../node-names.ts";
import { mismatches } from "./oracle.ts";
import { policyKey, policyValue } from "./policies.ts";
import { type Described, startRun, type Worker, World } from "./world.ts";

const POLICIES = ["shop/a", "shop/b", "shop/c", "shop/default.a", "team/a", "team/b", "default/x"];
const APPROVALS = ["unlock", "switch"];
/** How long what happens goes on, in steps; then the run is left in peace. */
const EVENTFUL_STEPS = 120;
const MOST_STEPS = 4_000;
const DAYS_MS = 3 * 24 * 3_600_000;
/** From here on nothing is written to etcd that the run could still know of. */
const LAST_LOOK = "unlock";

/**
 * A migration to which everything happens that may happen to a source while it is copied, as the dice have it: writes and
 * deletions at every moment, also between what the run reads and what it writes; compactions, several in a row; nodes
 * that come and go; workers that die between a write and its record; and days without anybody.
 */
export class History {
  readonly #world: World;
  readonly #dice: Dice;
  #busy = false;
  #calm = false;
  #step = 0;

  private constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  /** Plays one to its end. @returns how both sides differ afterwards. */
  static async play(dice: Dice): Promise<string[]> {
    using world = await World.create();
    const history = new History(world, dice);
    return await history.#play();
  }

  async #play(): Promise<string[]> {
    await this.#world.kubernetes.create(NAMESPACES, namespace("team"));
    for (const path of POLICIES.slice(0, 3)) this.#world.etcd.put(policyKey(path), policyValue(path));
    this.#interfere();
    let worker = this.#world.worker();
    const runId = await startRun(worker, { approvals: APPROVALS });
    for (; this.#step < MOST_STEPS; this.#step++) {
      const described = await this.#world.describe(worker, runId);
      if (described.run.state === "Succeeded") return this.#judge(worker, runId);
      this.#calm = this.#step > EVENTFUL_STEPS || described.stages.some(({ stage }) => stage === LAST_LOOK);
      if (worker.life.dead) {
        worker = await this.#rise(worker, runId);
        continue;
      }
      if (await this.#help(worker, described)) continue;
      if (!this.#calm) await this.#happen(worker);
      await this.#advance(worker);
    }
    const { run } = await this.#world.describe(worker, runId);
    return [`it did not end: ${JSON.stringify([run.state, run.stage, run.failure, run.waiting])}`];
  }

  async #judge({ embedded }: Worker, runId: string): Promise<string[]> {
    return mismatches(this.#world, await storedNodeNames(embedded.artifacts, runId));
  }

  /** Right before, and right after, every write of the run somebody else may write. */
  #interfere(): void {
    const { etcd, kubernetes } = this.#world;
    const meddle = (write: string): void => {
      // After the last look only the unlock is left, and what is let go of once etcd counts no more.
      if (this.#busy || this.#calm || write.includes("clusterinformations/default")) return;
      if (this.#dice.oneIn(12)) this.#writeSource();
      if (this.#dice.oneIn(40)) this.#compact();
    };
    kubernetes.hooks.before = meddle;
    kubernetes.hooks.after = meddle;
    etcd.hooks.before = () => {
      if (!this.#calm && this.#dice.oneIn(4)) this.#compact();
    };
  }

  async #advance(worker: Worker): Promise<void> {
    if (await worker.step()) return;
    if (worker.life.dead) return;
    this.#world.clock.advance(1_000);
    await Promise.race([worker.engine.wakeDue(), worker.life.ended]);
  }

  /** The next life, at once or after days; it dies early too, until peace has come. */
  async #rise(worker: Worker, runId: string): Promise<Worker> {
    worker.close();
    this.#world.clock.advance(this.#dice.oneIn(3) ? DAYS_MS : 60_000);
    if (!this.#calm) for (let acts = this.#dice.roll(4); acts > 0; acts--) await this.#act();
    const next = this.#world.worker(this.#life());
    await Promise.race([next.engine.wake(runId), next.life.ended]);
    return next;
  }

  #life(): Life {
    return this.#step > EVENTFUL_STEPS || this.#dice.oneIn(3)
      ? new Life()
      : new Life({ writes: 1 + this.#dice.roll(90) });
  }

  async #happen(worker: Worker): Promise<void> {
    if (this.#dice.oneIn(15)) worker.life.kill();
    else if (this.#dice.oneIn(2)) await this.#act();
  }

  async #act(): Promise<void> {
    if (this.#dice.oneIn(4)) this.#compact();
    else if (this.#dice.oneIn(6)) await this.#comeOrGo();
    else this.#writeSource();
  }

  #compact(): void {
    this.#world.etcd.compact();
  }

  /** Policies, mostly the same few, and IPAM. */
  #writeSource(): void {
    const { etcd } = this.#world;
    const path = this.#dice.pick(POLICIES);
    const block = `/calico/ipam/v2/assignment/ipv4/block/10.9.${this.#dice.roll(2)}.0-26`;
    switch (this.#dice.roll(5)) {
      case 0:
      case 1:
        etcd.put(policyKey(path), policyValue(path, { order: this.#dice.roll(1000) }));
        return;
      case 2:
      case 3:
        etcd.delete(policyKey(path));
        return;
      default:
        if (this.#dice.oneIn(2)) etcd.delete(block);
        else etcd.put(block, ipamBlock(block));
    }
  }

  /** A node of the cluster comes, or goes. */
  async #comeOrGo(): Promise<void> {
    const { etcd, kubernetes } = this.#world;
    const key = resourceKey("nodes", "rack9");
    this.#busy = true;
    if (etcd.dump()[key] === undefined) {
      if (kubernetes.dump()["v1/nodes/node-9"] === undefined)
        await kubernetes.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "node-9" } });
      etcd.put(
        key,
        JSON.stringify(
          resource("Node", "rack9", { orchRefs: [{ nodeName: "node-9", orchestrator: "k8s" }] }),
        ),
      );
    } else etcd.delete(key);
    this.#busy = false;
  }

  /** What a person does who finds the run stopped; false when nothing is to do. */
  async #help(worker: Worker, { run, control }: Described): Promise<boolean> {
    if (run.state === "Waiting" && run.waiting?.reason === "Approval") {
      const { subject, fingerprint } = run.waiting;
      if (isApproved(control.approvals, subject, fingerprint)) return false;
      await this.#ask(worker, () => worker.engine.approve(run.runId, "test"));
      return true;
    }
    if (run.state !== "Failed" || control.retries > run.retriesSeen) return false;
    this.#mend(run.failure?.message ?? "");
    await this.#ask(worker, () => worker.engine.resume(run.runId));
    return true;
  }

  async #ask({ life }: Worker, ask: () => Promise<unknown>): Promise<void> {
    await Promise.race([ask(), life.ended]);
  }

  /** Of two resources that would become one object, one is deleted. */
  #mend(message: string): void {
    if (message.includes("default.a")) this.#world.etcd.delete(policyKey("shop/default.a"));
  }
}

const NAMESPACES = { apiVersion: "v1", plural: "namespaces" };
const NODES = { apiVersion: "v1", plural: "nodes" };

function namespace(name: string): { apiVersion: string; kind: string; metadata: { name: string } } {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function ipamBlock(key: string): string {
  const cidr = key.slice(key.lastIndexOf("/") + 1).replace("-", "/");
  return JSON.stringify({
    cidr,
    affinity: "host:rack1-a",
    allocations: [],
    unallocated: [0],
    attributes: [],
  });
}
