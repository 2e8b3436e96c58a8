import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../json.ts";
import type { ObjectRef } from "../types.ts";
import { type GitOpsParts, unrest } from "./act.ts";
import { findManagers } from "./find-managers.ts";
import { GITOPS_KINDS } from "./kinds.ts";
import { pauseManagers, resumeManagers } from "./pause-managers.ts";
import { managerKey, type ManagerRef } from "./saved-pause.ts";
import { FakeCluster } from "./testing/fake-cluster.ts";
import { MemoryBook } from "./testing/memory-book.ts";
import { pages } from "./testing/pages.ts";

const AUTOMATED = { prune: true, selfHeal: true };

/** A cluster whose Calico is managed by one of everything. */
class World {
  readonly cluster = new FakeCluster();
  readonly book = new MemoryBook();
  held = true;
  readonly set: ObjectRef;
  readonly app: ObjectRef;
  readonly kustomization: ObjectRef;
  readonly repo: ObjectRef;
  readonly bundle: ObjectRef;

  constructor() {
    const { cluster } = this;
    const destination = { name: "in-cluster", namespace: "calico-system" };
    const ownerReferences = [{ kind: "ApplicationSet", name: "clusters" }];
    this.set = cluster.add("ApplicationSet", "argocd", "clusters", { spec: { generators: [] } });
    this.app = cluster.add("Application", "argocd", "calico", {
      metadata: { ownerReferences },
      spec: { destination, syncPolicy: { automated: AUTOMATED } },
    });
    const spec = { targetNamespace: "tigera-operator", suspend: false };
    this.kustomization = cluster.add("Kustomization", "flux-system", "operator", { spec });
    this.repo = cluster.add("GitRepo", "fleet-local", "platform", { spec: { repo: "x" } });
    const labels = { "fleet.cattle.io/repo-name": "platform" };
    this.bundle = cluster.add("Bundle", "fleet-local", "calico", {
      metadata: { labels },
      spec: { namespace: "calico-system" },
    });
  }

  get all(): ObjectRef[] {
    return [this.set, this.app, this.kustomization, this.repo, this.bundle];
  }

  get parts(): GitOpsParts {
    const ensureHeld = (): void => {
      if (!this.held) throw new Error("the lease was lost");
    };
    return { api: this.cluster.api, fieldManager: "calico-migrator:run-1", ensureHeld };
  }

  contents(): JsonObject[] {
    return this.all.map((ref) => this.cluster.content(ref));
  }

  async find(): Promise<ManagerRef[]> {
    return (await findManagers(this.cluster.api, pages())).managers;
  }

  async pause(): Promise<string[]> {
    const paused = await pauseManagers(this.parts, this.book, await this.find());
    return paused.map(({ manager, state }) => `${managerKey(manager)} ${state}`);
  }

  async resume(): Promise<string[]> {
    const outcomes = await resumeManagers(this.parts, this.book.all());
    return outcomes.map(({ manager, state }) => `${managerKey(manager)} ${state}`);
  }

  isPaused(): boolean {
    const spec = (ref: ObjectRef): JsonObject => this.cluster.content(ref)["spec"] as JsonObject;
    const { syncPolicy } = spec(this.app);
    return (
      !("automated" in (syncPolicy as JsonObject)) &&
      (spec(this.set)["syncPolicy"] as JsonObject | undefined)?.["applicationsSync"] === "create-only" &&
      spec(this.kustomization)["suspend"] === true &&
      [this.repo, this.bundle].every((ref) => spec(ref)["paused"] === true)
    );
  }
}

const KEYS = [
  "applicationsets/argocd/clusters",
  "applications/argocd/calico",
  "kustomizations/flux-system/operator",
  "gitrepos/fleet-local/platform",
  "bundles/fleet-local/calico",
];

function each(state: string): string[] {
  return KEYS.map((key) => `${key} ${state}`);
}

suite("pausing and putting back", () => {
  test("pauses all, parents first, and puts all back exactly, children first", async () => {
    const world = new World();
    const before = world.contents();
    assert.deepEqual(await world.pause(), each("paused"));
    assert.ok(world.isPaused());
    assert.deepEqual(world.cluster.patches, world.all);
    assert.deepEqual(await world.resume(), each("resumed").reverse());
    assert.deepEqual(world.contents(), before);
  });

  test("a second pause and a second resume change nothing", async () => {
    const world = new World();
    const before = world.contents();
    await world.pause();
    const rows = new Map(world.book.rows);
    assert.deepEqual(await world.pause(), each("already"));
    assert.deepEqual(world.book.rows, rows);
    await world.resume();
    assert.deepEqual(await world.resume(), each("unchanged").reverse());
    assert.deepEqual(world.contents(), before);
  });

  test("what a person had paused before stays paused", async () => {
    const world = new World();
    world.cluster.change(world.kustomization, { spec: { suspend: true } });
    await world.pause();
    await world.resume();
    assert.deepEqual(world.cluster.content(world.kustomization)["spec"], {
      targetNamespace: "tigera-operator",
      suspend: true,
    });
  });

  test("a Bundle that Fleet pauses because of its GitRepo is put back to what it was", async () => {
    const world = new World();
    const before = world.contents();
    world.cluster.afterPatch = (ref) => {
      if (ref.plural === "gitrepos") world.cluster.change(world.bundle, { spec: { paused: true } });
    };
    assert.equal((await world.pause()).at(-1), "bundles/fleet-local/calico already");
    world.cluster.afterPatch = undefined;
    await world.resume();
    assert.deepEqual(world.contents(), before);
  });

  test("writes nothing when the right to write is lost", async () => {
    const world = new World();
    world.held = false;
    await assert.rejects(world.pause(), /lease was lost/);
    assert.deepEqual(world.cluster.patches, []);
  });
});

suite("interrupted at every point", () => {
  /** Stops the run at its n-th step; steps are writes to the book, and before and after each write to the cluster. */
  function crashAt(world: World, step: number): void {
    let left = step;
    const tick = (): void => {
      if (left-- === 0) throw new Error("crash");
    };
    world.book.beforeKeep = tick;
    world.cluster.beforePatch = tick;
    world.cluster.afterPatch = tick;
  }

  function calm(world: World): void {
    world.book.beforeKeep = undefined;
    world.cluster.beforePatch = undefined;
    world.cluster.afterPatch = undefined;
  }

  const STEPS = KEYS.length * 3;

  for (let step = 0; step < STEPS; step++) {
    test(`a pause that stops at step ${step} goes on, and can be undone as it is`, async () => {
      for (const goesOn of [true, false]) {
        const world = new World();
        const before = world.contents();
        crashAt(world, step);
        await assert.rejects(world.pause(), /crash/);
        calm(world);
        if (goesOn) {
          await world.pause();
          assert.ok(world.isPaused());
        }
        await world.resume();
        assert.deepEqual(world.contents(), before);
      }
    });
  }

  for (let step = 0; step < KEYS.length * 2; step++) {
    test(`a resume that stops at step ${step} goes on`, async () => {
      const world = new World();
      const before = world.contents();
      await world.pause();
      crashAt(world, step);
      await assert.rejects(world.resume(), /crash/);
      calm(world);
      await world.resume();
      assert.deepEqual(world.contents(), before);
    });
  }

  test("there are no more steps than those", async () => {
    const world = new World();
    crashAt(world, STEPS);
    await world.pause();
  });
});

suite("changed and deleted meanwhile", () => {
  test("writes of a tool between reading and patching do not matter", async () => {
    const world = new World();
    let writes = 0;
    world.cluster.beforePatch = (ref) => {
      if (ref.plural === "applications" && writes++ < 3) world.cluster.change(ref, { status: { writes } });
    };
    assert.deepEqual(await world.pause(), each("paused"));
    assert.equal(writes, 4);
  });

  test("an object that is written to without end is told, not waited for", async () => {
    const world = new World();
    let writes = 0;
    world.cluster.beforePatch = (ref) => {
      world.cluster.change(ref, { status: { writes: writes++ } });
    };
    await assert.rejects(world.pause(), { code: "KUBERNETES_CONFLICT" });
  });

  test("settings that somebody changes without end (GITOPS_UNSETTLED) are told; once that is stopped it is paused", async () => {
    const world = new World();
    let changes = 0;
    world.cluster.beforePatch = (ref) => {
      if (ref.plural === "applications")
        world.cluster.change(world.app, {
          spec: { syncPolicy: { automated: { prune: changes++ % 2 === 0 } } },
        });
    };
    await assert.rejects(world.pause(), {
      code: "GITOPS_UNSETTLED",
      next: "Find out who changes it and stop that, then resume the run.",
    });
    world.cluster.beforePatch = undefined;
    await world.pause();
    assert.ok(world.isPaused());
  });

  test("settings that a person changes between the record and the pause are what is put back", async () => {
    const world = new World();
    world.cluster.beforePatch = (ref) => {
      if (ref.plural !== "applicationsets") return;
      world.cluster.change(world.app, { spec: { syncPolicy: { automated: { prune: false } } } });
    };
    await world.pause();
    assert.ok(world.isPaused());
    world.cluster.beforePatch = undefined;
    await world.resume();
    assert.deepEqual(world.cluster.content(world.app)["spec"], {
      destination: { name: "in-cluster", namespace: "calico-system" },
      syncPolicy: { automated: { prune: false, selfHeal: true } },
    });
  });

  test("settings that a person changes during the pause are left, and named", async () => {
    const world = new World();
    await world.pause();
    world.cluster.change(world.app, { spec: { syncPolicy: { automated: { enabled: true } } } });
    const [outcome] = await resumeManagers(
      world.parts,
      world.book.all().filter(({ plural }) => plural === "applications"),
    );
    assert.equal(outcome?.state, "changed");
    assert.match(outcome.message, /^Application argocd\/calico .*spec\.syncPolicy\.automated/);
    const spec = world.cluster.content(world.app)["spec"] as JsonObject;
    assert.deepEqual(spec["syncPolicy"], { automated: { enabled: true } });
  });

  test("what was deleted, or deleted and created anew, is left so", async () => {
    const world = new World();
    await world.pause();
    world.cluster.remove(world.app);
    world.cluster.remove(world.bundle);
    world.cluster.add("Bundle", "fleet-local", "calico", { spec: { paused: true } });
    const states = await world.resume();
    assert.deepEqual(states[0], "bundles/fleet-local/calico replaced");
    assert.ok(states.includes("applications/argocd/calico gone"));
    assert.deepEqual(world.cluster.content(world.bundle)["spec"], { paused: true });
  });

  test("what is deleted before or while it is paused is passed over", async () => {
    const world = new World();
    const managers = await world.find();
    world.cluster.remove(world.app);
    world.cluster.beforePatch = (ref) => {
      if (ref.plural === "kustomizations") world.cluster.remove(world.bundle);
    };
    const paused = await pauseManagers(world.parts, world.book, managers);
    assert.deepEqual(
      paused.map(({ state }) => state),
      ["paused", "gone", "paused", "paused", "gone"],
    );
    assert.equal(world.book.rows.has("applications/argocd/calico"), false);
  });

  test("what is created anew between two pauses is paused, and put back as the new one was", async () => {
    const world = new World();
    await world.pause();
    world.cluster.remove(world.kustomization);
    const spec = { targetNamespace: "tigera-operator", path: "./new" };
    world.cluster.add("Kustomization", "flux-system", "operator", { spec });
    await world.pause();
    assert.ok(world.isPaused());
    await world.resume();
    assert.deepEqual(world.cluster.content(world.kustomization)["spec"], spec);
  });
});

suite("unrest after a pause", () => {
  async function afterPause(change: (world: World) => void): Promise<string[]> {
    const world = new World();
    await world.pause();
    change(world);
    const told = await Promise.all(world.book.all().map((saved) => unrest(world.parts, saved)));
    return told.filter((one) => one !== undefined);
  }

  test("there is none when every tool rests", async () => {
    assert.deepEqual(await afterPause(() => undefined), []);
    assert.deepEqual(
      await afterPause(({ cluster, app }) => {
        cluster.remove(app);
      }),
      [],
    );
  });

  const busy: [string, JsonObject, RegExp][] = [
    ["app", { operation: { sync: {} } }, /a sync is asked for/],
    ["app", { status: { operationState: { phase: "Running" } } }, /a sync is under way/],
    ["app", { spec: { syncPolicy: { automated: {} } } }, /not paused any more/],
    ["app", { metadata: { uid: "other" } }, /created anew/],
    [
      "kustomization",
      { status: { conditions: [{ type: "Reconciling", status: "True", reason: "Progressing" }] } },
      /under way/,
    ],
    ["bundle", { metadata: { generation: 2 }, status: { observedGeneration: 1 } }, /not seen the pause/],
    ["repo", { status: { gitJobStatus: "InProgress" } }, /job/],
  ];
  for (const [which, change, expected] of busy) {
    test(`is told: ${JSON.stringify(change)}`, async () => {
      const told = await afterPause((world) => {
        world.cluster.change(world[which as "app"], change);
      });
      assert.equal(told.length, 1);
      assert.match(told[0] ?? "", expected);
    });
  }

  test("is not what has ended, or only waits for its next try", async () => {
    const conditions = [{ type: "Reconciling", status: "True", reason: "ProgressingWithRetry" }];
    const told = await afterPause(({ cluster, app, kustomization }) => {
      cluster.change(app, { status: { operationState: { phase: "Succeeded" } } });
      cluster.change(kustomization, { status: { conditions } });
    });
    assert.deepEqual(told, []);
  });
});

test("plurals name kinds uniquely, as records know them by nothing else", () => {
  assert.equal(new Set(GITOPS_KINDS.map(({ plural }) => plural)).size, GITOPS_KINDS.length);
});
