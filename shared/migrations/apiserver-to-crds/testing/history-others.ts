import { toNative } from "../../../calico/native/to-native.ts";
import type { JsonObject } from "../../../json.ts";
import { orAbsent } from "../../../kubernetes/absent.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import { isLeaving } from "../../target/leaving.ts";
import type { Dice } from "../../testing/dice.ts";
import { isSecondVersionOpen, putApiServiceBack, putDefinitionsBack } from "./rivals.ts";
import { isAggregated } from "./whole.ts";
import { writeAsUser } from "./writers.ts";
import type { World } from "./world.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const POLICIES = "networkpolicies";
const HOMES = { apiVersion: "v1", plural: "namespaces" };
const NAMESPACES = ["shop", "team"];
const NAMES = ["a", "b", "owned", "secure.web"];

/** How far a run has come, for others: until it locks the old group they use that, from the unlock on the native one. */
export type Using = "old" | "nothing" | "native";

/** All who use the cluster beside a run, as the dice have it. */
export class Others {
  using: Using = "old";
  /** What users wrote to the native group since its unlock, by id: the order of a policy, none where they deleted it. */
  readonly theirs = new Map<string, number | undefined>();
  readonly #world: World;
  readonly #dice: Dice;
  /** The v1 policies that were deleted, and that finalizers hold. */
  #held: ObjectRef[] = [];
  /** The ids of the native policies that were made, or changed, by others at any time. */
  readonly #touched = new Set<string>();
  /** Those to which somebody has written although Calico did not use them yet. */
  readonly #meddled = new Set<string>();
  /** They act one after the other, whatever they are called up by at the same time. */
  #acts: Promise<unknown> = Promise.resolve();

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  /** A namespace with policies, besides that of the source. */
  async settle(): Promise<void> {
    await this.#toggleNamespace("team");
    for (const name of NAMES.slice(0, 2))
      await this.#act(() =>
        writeAsUser(this.#world.cluster, { name, act: "put", via: OLD, order: 1, namespace: "team" }),
      );
  }

  /** One of all that may happen. */
  async happen(): Promise<void> {
    switch (this.#dice.roll(10)) {
      case 0:
      case 1:
        this.forget();
        return;
      case 2:
        await this.moveHome();
        return;
      case 3:
        await this.#putInstallBack();
        return;
      case 4:
        if (this.#held.length > 0) await this.letGo();
        else await this.#hold();
        return;
      default:
        await this.write();
    }
  }

  /** Users write to the group that they use. */
  async write(): Promise<void> {
    if (this.using === "native") await this.#writeNative();
    if (this.using !== "old") return;
    if (this.#dice.oneIn(8)) await this.#meddle();
    else await this.#writeOld();
  }

  /** The API server does not know any more what has changed, or its lists do not go on. */
  forget(): void {
    const { storage } = this.#world.cluster;
    if (this.#dice.oneIn(2)) storage.forgetChanges();
    else storage.forgetSnapshots();
  }

  /** A namespace goes, slowly or at once, whatever is locked; or comes again, as another. */
  async moveHome(): Promise<void> {
    await this.#toggleNamespace(this.#dice.pick(NAMESPACES));
    // Often enough it is back before anybody has looked.
    const gone = NAMESPACES.filter((name) => this.#namespace(name) === undefined);
    if (gone.length > 0 && this.#dice.oneIn(2)) await this.#toggleNamespace(this.#dice.pick(gone));
  }

  /** What is being deleted goes. */
  async letGo(): Promise<void> {
    const off = { metadata: { finalizers: null } };
    for (const ref of this.#held)
      await this.#act(() => this.#world.cluster.patch(ref, off, { type: "merge" }));
    this.#held = [];
  }

  /** Where the v1 policy is there, what somebody has made of the native one becomes what that means; else it goes. */
  async putRight(): Promise<void> {
    const { storage } = this.#world.cluster;
    for (const id of this.#meddled) {
      const ref = refOf(id);
      await this.#act(async () => {
        const native = await storage.get(ref);
        const v1 = await orAbsent(storage.get({ ...ref, apiVersion: OLD }));
        const carried = v1 === undefined || isLeaving(v1) ? undefined : toNative(v1);
        if (carried?.outcome !== "carry") return storage.delete(ref);
        const { spec, metadata } = carried.object;
        const labels = metadata.labels ?? {};
        return storage.replace(ref, {
          ...native,
          spec,
          metadata: { ...objectAt(native, "metadata"), labels },
        });
      });
    }
  }

  /** True for what they have written to the native group, and for the definition that has to stay for it. */
  isOwnerOf(path: string): boolean {
    const isKept = this.#touched.size > 0 && path.endsWith(`/${POLICIES}.projectcalico.org`);
    return isKept || this.#touched.has(path);
  }

  /** What is not in the native group any more as users wrote it there. */
  lost(): string[] {
    const dump = this.#world.cluster.dump();
    return [...this.theirs].flatMap(([id, order]) => {
      const text = dump[id];
      const found =
        text === undefined ? undefined : objectAt(JSON.parse(text) as JsonObject, "spec")["order"];
      return found === order
        ? []
        : [`${id} has the order ${JSON.stringify(found)}, not as users wrote it: ${JSON.stringify(order)}`];
    });
  }

  async #putInstallBack(): Promise<void> {
    const { cluster } = this.#world;
    const isService = this.#dice.oneIn(2);
    await this.#act(() => (isService ? putApiServiceBack(cluster) : putDefinitionsBack(cluster)));
  }

  async #writeOld(): Promise<void> {
    const write = {
      name: this.#dice.pick(NAMES),
      act: this.#dice.pick(["put", "put", "delete", "recreate", "label"] as const),
      via: this.#dice.pick([OLD, NATIVE] as const),
      order: this.#dice.roll(100),
      namespace: this.#dice.pick(NAMESPACES),
    };
    await this.#act(() => writeAsUser(this.#world.cluster, write));
  }

  async #writeNative(): Promise<void> {
    const { cluster, clock } = this.#world;
    const id = this.#somePolicy();
    const order = this.#dice.oneIn(3) ? undefined : this.#dice.roll(100);
    const creationTimestamp = new Date(clock.now()).toISOString();
    await this.#act(async () => {
      // Through an APIService that somebody has put back it would go to the old group.
      if (await isAggregated(cluster)) return;
      if (order === undefined) await cluster.delete(refOf(id));
      else if (cluster.dump()[id] === undefined)
        await cluster.create(refOf(id), nativePolicy(id, order, { creationTimestamp }));
      else await cluster.patch(refOf(id), { spec: { order } }, { type: "merge" });
      this.theirs.set(id, order);
      this.#touched.add(id);
    });
  }

  /** Somebody writes to a copy that Calico does not use yet, or puts another policy where one may come. */
  async #meddle(): Promise<void> {
    const { storage } = this.#world.cluster;
    const id = this.#somePolicy();
    const policy = nativePolicy(id, 4711);
    await this.#act(async () => {
      if (!(await isSecondVersionOpen(this.#world.cluster))) return;
      if (storage.dump()[id] === undefined) await storage.create(refOf(id), policy);
      else await storage.patch(refOf(id), { spec: policy["spec"] ?? null }, { type: "merge" });
      this.#meddled.add(id);
      this.#touched.add(id);
    });
  }

  /** Deletes a v1 policy, which a finalizer holds. */
  async #hold(): Promise<void> {
    if (this.using !== "old") return;
    const ref = { ...refOf(this.#somePolicy()), apiVersion: OLD };
    const { cluster } = this.#world;
    await this.#act(async () => {
      await cluster.patch(ref, { metadata: { finalizers: ["example.com/hold"] } }, { type: "merge" });
      await cluster.delete(ref);
    });
    this.#held.push(ref);
  }

  #somePolicy(): string {
    return `${NATIVE}/${POLICIES}/${this.#dice.pick(NAMESPACES)}/${this.#dice.pick(NAMES)}`;
  }

  async #toggleNamespace(name: string): Promise<void> {
    const { cluster } = this.#world;
    const ref = { ...HOMES, name };
    const held = this.#dice.oneIn(3) ? { finalizers: ["kubernetes"] } : {};
    await this.#act(async () => {
      const found = this.#namespace(name);
      if (found === undefined)
        return cluster.create(HOMES, { apiVersion: "v1", kind: "Namespace", metadata: { name, ...held } });
      const gone = found.includes("deletionTimestamp")
        ? await cluster.patch(ref, { metadata: { finalizers: null } }, { type: "merge" })
        : await cluster.delete(ref);
      this.#forgetGone(name);
      return gone;
    });
  }

  /** What is hidden by an APIService that somebody has put back does not go with its namespace. */
  #forgetGone(namespace: string): void {
    const there = this.#world.cluster.dump();
    for (const id of this.theirs.keys())
      if (id.includes(`/${namespace}/`) && !(id in there)) this.theirs.delete(id);
  }

  #namespace(name: string): string | undefined {
    return this.#world.cluster.dump()[`v1/namespaces/${name}`];
  }

  /** What the API refuses, they let be. */
  async #act(act: () => Promise<unknown>): Promise<void> {
    this.#acts = this.#acts.then(act).catch(() => undefined);
    await this.#acts;
  }
}

function refOf(id: string): ObjectRef & { namespace: string } {
  const [namespace = "", name = ""] = id.split("/").slice(3);
  return { apiVersion: NATIVE, plural: POLICIES, namespace, name };
}

function nativePolicy(id: string, order: number, given: JsonObject = {}): JsonObject {
  const { namespace, name } = refOf(id);
  const spec = { order, tier: "default", types: ["Ingress"] };
  return { apiVersion: NATIVE, kind: "NetworkPolicy", metadata: { namespace, name, ...given }, spec };
}
