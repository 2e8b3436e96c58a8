import { forward } from "../../../calico/forward.ts";
import { NodeNames } from "../../../calico/node-names.ts";
import { targetId } from "../../../calico/target.ts";
import { resource, resourceKey } from "../../../calico/testing/samples.ts";
import type { JsonObject } from "../../../json.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { isApproved } from "../../../engine/approvals.ts";
import { Life } from "../../testing/life.ts";
import type { Dice } from "../../testing/dice.ts";
import { storedNodeNames } from "../node-names.ts";
import { mismatches } from "./oracle.ts";
import { policyKey, policyValue } from "./policies.ts";
import { type Described, startRun, type Worker, World } from "./world.ts";

const NAMESPACES = ["shop", "team"];
const POLICIES = ["shop/a", "shop/b", "shop/c", "shop/default.a", "team/a", "team/b", "default/x"];
const APPROVALS = ["switch"];
/** How long what happens goes on, in steps; then the run is left in peace. */
const EVENTFUL_STEPS = 120;
const MOST_STEPS = 4_000;
const DAYS_MS = 3 * 24 * 3_600_000;
/** From here on nothing is written to etcd that the run could still know of. */
const LAST_LOOK = "unlock";

/**
 * A migration to which everything happens that may happen to a source while it is copied, as the dice have it: writes and
 * deletions at every moment, also between what the run reads and what it writes; compactions, several in a row; nodes
 * and namespaces that come and go, and come back as others; workers that die between a write and its record; days
 * without anybody; objects of others that are being deleted, where a copy has to go; and others who write to the target while the run waits to unlock it, and put it right once they are told.
 */
export class History {
  readonly #world: World;
  readonly #dice: Dice;
  #busy = false;
  #calm = false;
  #step = 0;
  /** Undoes what others have done to the target. */
  #putRight: (() => Promise<unknown>) | undefined;
  /** What others have deleted in the target, and finalizers hold. */
  #held: ObjectRef[] = [];

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
    this.#toggle("namespaces", "team");
    for (const path of POLICIES.slice(0, 3)) this.#world.etcd.put(policyKey(path), policyValue(path));
    this.#interfere();
    let worker = this.#world.worker();
    const runId = await startRun(worker, { approvals: APPROVALS });
    for (; this.#step < MOST_STEPS; this.#step++) {
      const described = await this.#world.describe(worker, runId);
      if (described.run.state === "Succeeded") return this.#judge(worker, runId);
      this.#calm = this.#step > EVENTFUL_STEPS || described.stages.some(({ stage }) => stage === LAST_LOOK);
      if (this.#calm) this.#letGo();
      if (worker.life.dead) {
        worker = await this.#rise(worker, runId);
        continue;
      }
      if (await this.#help(worker, described)) continue;
      if (!this.#calm) this.#happen(worker);
      await this.#world.advance(worker);
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
      if (this.#dice.oneIn(60)) this.#moveHome();
    };
    kubernetes.hooks.before = meddle;
    kubernetes.hooks.after = meddle;
    etcd.hooks.before = () => {
      if (!this.#calm && this.#dice.oneIn(4)) this.#compact();
    };
  }

  /** The next life, at once or after days; it dies early too, until peace has come. */
  async #rise(worker: Worker, runId: string): Promise<Worker> {
    worker.close();
    this.#world.clock.advance(this.#dice.oneIn(3) ? DAYS_MS : 60_000);
    if (!this.#calm) for (let acts = this.#dice.roll(4); acts > 0; acts--) this.#act();
    const next = this.#world.worker(this.#life());
    await Promise.race([next.engine.wake(runId), next.life.ended]);
    return next;
  }

  #life(): Life {
    return this.#step > EVENTFUL_STEPS || this.#dice.oneIn(3)
      ? new Life()
      : new Life({ writes: 1 + this.#dice.roll(90) });
  }

  #happen(worker: Worker): void {
    if (this.#dice.oneIn(15)) worker.life.kill();
    else if (this.#dice.oneIn(2)) this.#act();
  }

  #act(): void {
    switch (this.#dice.roll(9)) {
      case 0:
      case 1:
        this.#compact();
        return;
      case 2:
        this.#comeOrGo();
        return;
      case 3:
        this.#moveHome();
        return;
      case 4:
        if (this.#held.length > 0) this.#letGo();
        else this.#standInTheWay();
        return;
      default:
        this.#writeSource();
    }
  }

  /** A policy of others that means what a copy is to mean, and has its place until it is let go of. */
  #standInTheWay(): void {
    const { etcd, kubernetes, group } = this.#world;
    const path = this.#dice.pick(POLICIES);
    const value = policyValue(path, { order: this.#dice.roll(1000) });
    etcd.put(policyKey(path), value);
    const to = { targetGroup: group, nodeNames: NodeNames.from([]) };
    const carried = forward(policyKey(path), Buffer.from(value), to);
    if (carried.outcome !== "carry") return;
    const { target, object } = carried;
    const isTaken = kubernetes.dump()[targetId(target)] !== undefined;
    if (isTaken || !this.#isThere("namespaces", target.namespace ?? "")) return;
    const metadata = { ...object.metadata, finalizers: ["example.com/hold"] };
    this.#asOthers(() => kubernetes.create(target, { ...object, metadata }).catch(() => undefined));
    this.#asOthers(() => kubernetes.delete(target).catch(() => undefined));
    this.#held.push(target);
  }

  #letGo(): void {
    const off = { metadata: { finalizers: null } };
    for (const ref of this.#held)
      this.#asOthers(() => this.#world.kubernetes.patch(ref, off, { type: "merge" }).catch(() => undefined));
    this.#held = [];
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

  /** A node of Calico's comes, or goes. */
  #comeOrGo(): void {
    const { etcd } = this.#world;
    const key = resourceKey("nodes", "rack9");
    if (etcd.dump()[key] !== undefined) {
      etcd.delete(key);
      return;
    }
    if (!this.#isThere("nodes", "node-9")) this.#toggle("nodes", "node-9");
    const orchRefs = [{ nodeName: "node-9", orchestrator: "k8s" }];
    etcd.put(key, JSON.stringify(resource("Node", "rack9", { orchRefs })));
  }

  /** A namespace, or a Node of Kubernetes, goes, slowly or at once; or comes again, as another. */
  #moveHome(): void {
    if (this.#dice.oneIn(4)) this.#toggle("nodes", "node-9");
    else this.#toggle("namespaces", this.#dice.pick(NAMESPACES));
    // Often enough it is back before anybody has looked.
    const gone = NAMESPACES.filter((name) => !this.#isThere("namespaces", name));
    if (gone.length > 0 && this.#dice.oneIn(2)) this.#toggle("namespaces", this.#dice.pick(gone));
  }

  #toggle(plural: "namespaces" | "nodes", name: string): void {
    const { kubernetes } = this.#world;
    const ref = { apiVersion: "v1", plural, name };
    const found = kubernetes.dump()[`v1/${plural}/${name}`];
    this.#busy = true;
    if (found === undefined) void kubernetes.create(ref, this.#home(plural, name));
    else if (found.includes("deletionTimestamp"))
      void kubernetes.replace(ref, { ...(JSON.parse(found) as JsonObject), ...this.#leaving(name) });
    else void kubernetes.delete(ref);
    this.#busy = false;
  }

  /** Some are held for a while when they are deleted. */
  #home(plural: "namespaces" | "nodes", name: string): JsonObject {
    const held = plural === "namespaces" && this.#dice.oneIn(3) ? { finalizers: ["kubernetes"] } : {};
    const kind = plural === "nodes" ? "Node" : "Namespace";
    return { apiVersion: "v1", kind, metadata: { name, ...held } };
  }

  #leaving(name: string): JsonObject {
    return { metadata: { name, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  }

  #isThere(plural: "namespaces" | "nodes", name: string): boolean {
    return this.#world.kubernetes.dump()[`v1/${plural}/${name}`] !== undefined;
  }

  /** What a person does who finds the run stopped; false when nothing is to do. */
  async #help(worker: Worker, { run, control }: Described): Promise<boolean> {
    if (run.state === "Waiting" && run.waiting?.reason === "Approval") {
      const { subject, fingerprint } = run.waiting;
      if (isApproved(control.approvals, subject, fingerprint)) return false;
      if (subject === LAST_LOOK && this.#dice.oneIn(2)) this.#writeTarget();
      if (subject === "written-by-others" && this.#putRight !== undefined) {
        this.#undoTarget();
        await this.#ask(worker, () => worker.engine.resume(run.runId));
        return true;
      }
      await this.#ask(worker, () => worker.engine.approve(run.runId, "test"));
      return true;
    }
    // Once it is gone, the run goes on by itself.
    if (run.waiting?.reason === "Conflict") this.#letGo();
    if (run.state !== "Failed" || control.retries > run.retriesSeen) return false;
    this.#mend(run.failure?.message ?? "");
    this.#letGo();
    if (run.failure?.code === "VERIFY_FAILED") this.#undoTarget();
    await this.#ask(worker, () => worker.engine.resume(run.runId));
    return true;
  }

  async #ask({ life }: Worker, ask: () => Promise<unknown>): Promise<void> {
    await Promise.race([ask(), life.ended]);
  }

  /** A policy that etcd knows nothing of, or one less, or one that is another. */
  #writeTarget(): void {
    if (this.#putRight !== undefined) return;
    const { kubernetes, group } = this.#world;
    const ref = { apiVersion: group, plural: "globalnetworkpolicies" };
    const prefix = `${group}/globalnetworkpolicies/`;
    const [path, text] = Object.entries(kubernetes.dump()).find(([one]) => one.startsWith(prefix)) ?? [];
    if (path === undefined || text === undefined) return;
    const object = JSON.parse(text) as JsonObject;
    const named = { ...ref, name: path.slice(prefix.length) };
    const stranger = { ...object, metadata: { name: "stranger" } };
    switch (this.#dice.roll(3)) {
      case 0:
        this.#asOthers(() => kubernetes.create(ref, stranger));
        this.#putRight = () => kubernetes.delete({ ...ref, name: "stranger" });
        return;
      case 1:
        this.#asOthers(() => kubernetes.delete(named));
        this.#putRight = () => kubernetes.create(ref, object);
        return;
      default:
        this.#asOthers(() => kubernetes.patch(named, { spec: { order: 4711 } }, { type: "merge" }));
        this.#putRight = () => kubernetes.replace(named, object);
    }
  }

  #asOthers(write: () => Promise<unknown>): void {
    this.#busy = true;
    void write();
    this.#busy = false;
  }

  #undoTarget(): void {
    if (this.#putRight !== undefined) this.#asOthers(this.#putRight);
    this.#putRight = undefined;
  }

  /** Of two resources that would become one object, one is deleted. */
  #mend(message: string): void {
    if (message.includes("default.a")) this.#world.etcd.delete(policyKey("shop/default.a"));
  }
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
