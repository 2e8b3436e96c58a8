import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RunRecord } from "../../../../engine/records.ts";
import type { JsonObject } from "../../../../json.ts";
import { crdResource } from "../../../../kubernetes/crds.ts";
import { AdaptiveLimiter } from "../../../../kubernetes/limiter.ts";
import { asRun, ServedKubernetes } from "../../../testing/served-kubernetes.ts";
import type { Context } from "../options.ts";
import { removeCrds } from "./remove-crds.ts";

const RUN = "restore-1a2b3c4d";
const OURS = asRun(RUN);

/** The way back of a restore that has created these definitions, with what it has recorded. */
class WayBack {
  readonly kubernetes = new ServedKubernetes();
  notes: JsonObject = {};
  #created: Record<string, boolean> = {};

  async define(plural: string, options: object = OURS): Promise<string> {
    const name = await this.kubernetes.define(plural, options);
    this.#created[name] = true;
    return name;
  }

  /** Takes steps until nothing is left to do. */
  async go(): Promise<void> {
    for (let steps = 0; steps < 10; steps++) if ("done" in (await removeCrds.act(this.#context()))) return;
    assert.fail("the way back does not come to an end");
  }

  /** The definitions that are there. */
  left(): string[] {
    const ids = Object.keys(this.kubernetes.dump()).filter((id) => id.startsWith(crdResource.apiVersion));
    return ids.map((id) => id.slice(id.lastIndexOf("/") + 1));
  }

  #context(): Context {
    return {
      run: { runId: RUN } as RunRecord,
      connections: { kubernetes: this.kubernetes, limiter: new AdaptiveLimiter() },
      signal: new AbortController().signal,
      ensureHeld: () => undefined,
      ledger: () => ({ get: () => Promise.resolve([]) }),
      notes: this.notes,
      notesOf: () => Promise.resolve({ created: this.#created }),
      record: (more: JsonObject) => Promise.resolve(void (this.notes = { ...this.notes, ...more })),
    } as unknown as Context;
  }
}

suite("definitions that a restore has created, when it is taken back", () => {
  for (const after of [1, 2, 3])
    test(`are kept with what somebody creates after look ${after}, or creating it is refused`, async () => {
      const way = new WayBack();
      const name = await way.define("bgppeers");
      const before = await way.kubernetes.get({ ...crdResource, name });
      let [lists, taken] = [0, false];
      way.kubernetes.afterList = async () => {
        if ((lists += 1) === after) taken = await way.kubernetes.tryToPut("bgppeers", "theirs");
      };

      await way.go();

      assert.ok(lists >= 2, `${lists} looks`);
      const isThere = Object.keys(way.kubernetes.dump()).some((id) => id.endsWith("/theirs"));
      assert.equal(isThere, taken, "what was taken is there");
      assert.deepEqual([way.left(), way.notes["kept"] ?? []], taken ? [[name], [name]] : [[], []]);
      if (!taken) return;
      assert.deepEqual((await way.kubernetes.get({ ...crdResource, name }))["spec"], before["spec"]);
      assert.deepEqual(way.kubernetes.managedByRuns(), []);
    });

  test("are deleted where nobody uses them, and kept where somebody does or has made them anew", async () => {
    const way = new WayBack();
    await way.define("bgppeers");
    const used = await way.define("networksets");
    await way.kubernetes.tryToPut("networksets", "theirs");
    const anew = await way.define("ippools", asRun("somebody-else"));

    await way.go();

    assert.deepEqual(way.left().sort(), [anew, used].sort());
    assert.deepEqual(way.notes["kept"], [used]);
  });

  test("are kept for good once that is recorded, whenever the worker dies", async () => {
    const way = new WayBack();
    const used = await way.define("networksets");
    await way.kubernetes.tryToPut("networksets", "theirs");
    // The worker died after it had recorded this, and before it wrote to the definition.
    way.notes = { kept: [used] };
    await way.kubernetes.delete({
      apiVersion: "crd.projectcalico.org/v1",
      plural: "networksets",
      name: "theirs",
    });

    await way.go();

    assert.deepEqual(way.left(), [used]);
    assert.deepEqual(way.kubernetes.managedByRuns(), []);
  });
});
