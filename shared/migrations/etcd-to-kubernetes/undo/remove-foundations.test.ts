import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Checkpoint, RunRecord } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import { openedAfterLastLook } from "../../../kubernetes/last-look.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import { FakeKubernetes } from "../../testing/fake-kubernetes.ts";
import { asRun, ServedKubernetes } from "../../testing/served-kubernetes.ts";
import type { Context } from "../context.ts";
import { removeTargetFoundations } from "./remove-foundations.ts";

const CRDS = { apiVersion: "apiextensions.k8s.io/v1", plural: "customresourcedefinitions" };
const GROUP = "crd.projectcalico.org/v1";
const OURS = asRun("run");

/** Creates definitions as the run does, or somebody else. */
async function define(kubernetes: FakeKubernetes, plural: string, options: object = OURS): Promise<string> {
  const name = `${plural}.crd.projectcalico.org`;
  await kubernetes.create(CRDS, { kind: "CustomResourceDefinition", metadata: { name } }, options);
  return name;
}

function put(
  kubernetes: FakeKubernetes,
  plural: string,
  metadata: JsonObject,
  options?: object,
): Promise<JsonObject> {
  return kubernetes.create({ apiVersion: GROUP, plural }, { kind: "Any", metadata }, options);
}

/** Undoes the foundations, and gives which definitions are left, and what is told of them. */
async function undone(
  kubernetes: FakeKubernetes,
  createdCrds: readonly string[],
): Promise<[string[], string[]]> {
  const rows: Checkpoint[] = [];
  const notes: Record<string, object> = {
    "prepare-target": { createdCrds },
    preflight: { targetGroup: GROUP, pinnedRevision: 1 },
  };
  const context = {
    notes: {},
    record: (more: JsonObject) => Promise.resolve(void Object.assign(context.notes, more)),
    run: { runId: "run" } as RunRecord,
    connections: { kubernetes, limiter: new AdaptiveLimiter() },
    signal: new AbortController().signal,
    ensureHeld: () => undefined,
    notesOf: (stage: string) => Promise.resolve(notes[stage] ?? {}),
    ledger: () => ({
      get: () => Promise.resolve(rows),
      put: (more: Checkpoint[]) => Promise.resolve(void rows.push(...more)),
    }),
  } as unknown as Context;
  for (let outcome; outcome === undefined || "wait" in outcome;)
    outcome = await removeTargetFoundations.act(context);
  const left = Object.keys(kubernetes.dump()).filter((id) => id.startsWith(CRDS.apiVersion));
  return [
    left.map((id) => id.slice(id.lastIndexOf("/") + 1)),
    rows.map(({ key, detail }) => `${key}: ${textAt(detail, "reason")}`),
  ];
}

suite("somebody who creates an object while a definition is being deleted", () => {
  for (const after of [1, 2, 3]) {
    test(`is refused, or the definition is kept: after look ${after}`, async () => {
      const kubernetes = new ServedKubernetes();
      const name = await kubernetes.define("bgppeers", OURS);
      let [lists, taken] = [0, false];
      kubernetes.afterList = async () => {
        if ((lists += 1) !== after) return;
        taken = await kubernetes.tryToPut("bgppeers", "theirs");
      };
      const [left, told] = await undone(kubernetes, [name]);
      assert.ok(lists >= 2, `${lists} looks`);
      const isThere = Object.keys(kubernetes.dump()).some((id) => id.endsWith("theirs"));
      assert.equal(isThere, taken, "what was taken is there");
      assert.deepEqual(left, taken ? [name] : []);
      assert.deepEqual(
        told,
        taken ? [`${name}: kept with 1 objects that others have put there: theirs`] : [],
      );
      if (!taken) return;
      const [version, ...others] = objectsAt(await kubernetes.get({ ...CRDS, name }), "spec", "versions");
      assert.deepEqual([version?.["name"], version?.["served"], others], ["v1", true, []]);
      assert.deepEqual(
        kubernetes.managedByRuns().filter((path) => path.includes("bgppeers")),
        [],
      );
    });
  }
});

suite("the definitions that a run has created", () => {
  test("are deleted, with what the run itself has left in them", async () => {
    const kubernetes = new FakeKubernetes();
    const name = await define(kubernetes, "networksets");
    await put(kubernetes, "networksets", { name: "copied", namespace: "shop" }, OURS);
    assert.deepEqual(await undone(kubernetes, [name]), [[], []]);
  });

  test("are kept where others have put something since, which is named", async () => {
    const kubernetes = new FakeKubernetes();
    const used = await define(kubernetes, "networksets");
    const unused = await define(kubernetes, "bgppeers");
    for (let n = 0; n < 7; n++)
      await put(kubernetes, "networksets", { name: `theirs-${n}`, namespace: "shop" });
    const [left, told] = await undone(kubernetes, [used, unused]);
    assert.deepEqual(left, [used]);
    assert.match(
      told.join(),
      /^networksets\S+: kept with 7 objects that others have put there: shop\/theirs-0, .*, and 2 more$/,
    );
    assert.equal(Object.keys(kubernetes.dump()).filter((id) => id.includes("theirs")).length, 7);
  });

  test("are deleted although Calico has started and made what it makes everywhere", async () => {
    const kubernetes = new FakeKubernetes();
    const names = [await define(kubernetes, "tiers"), await define(kubernetes, "clusterinformations")];
    await put(kubernetes, "tiers", { name: "default" });
    await put(kubernetes, "clusterinformations", { name: "default" });
    assert.deepEqual(await undone(kubernetes, names), [[], []]);
  });

  test("are not deleted where somebody else has created them anew", async () => {
    const kubernetes = new FakeKubernetes();
    const name = await define(kubernetes, "bgppeers", {});
    const [left, told] = await undone(kubernetes, [name]);
    assert.deepEqual([left, told], [[name], [`${name}: kept, as somebody else has created it anew`]]);
  });

  test("are kept, and told, where somebody puts them back whenever they are closed", async () => {
    const kubernetes = new ServedKubernetes();
    const name = await kubernetes.define("bgppeers", OURS);
    const ref = { ...CRDS, name };
    const close = kubernetes.patch.bind(kubernetes);
    kubernetes.patch = async (...args) => {
      const closed = await close(...args);
      const opened = openedAfterLastLook(closed);
      return opened === undefined ? closed : close(ref, opened, { type: "merge" });
    };
    const [left, told] = await undone(kubernetes, [name]);
    assert.deepEqual(left, [name]);
    assert.match(told.join(), /: kept, as somebody puts it back while it is closed/);
  });
});
