import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../json.ts";
import { GITOPS_KINDS, gitOpsKind } from "./kinds.ts";
import { pauseOf, pauseStep, resumeOf, stillPaused } from "./pause.ts";
import type { ManagerRef, SavedPause } from "./saved-pause.ts";

function refOf(plural: string): ManagerRef {
  const { tool, group } = gitOpsKind(plural);
  return { tool, apiVersion: `${group}/v1`, plural, namespace: "ns", name: "calico", uid: "uid-1" };
}

function object(spec: JsonObject, resourceVersion = "7"): JsonObject {
  return { metadata: { uid: "uid-1", resourceVersion }, spec };
}

/** JSON merge patch, RFC 7396. */
function apply(target: Json | undefined, patch: JsonObject): JsonObject {
  const result = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else if (typeof value === "object" && !Array.isArray(value)) result[key] = apply(result[key], value);
    else result[key] = value;
  }
  return result;
}

function specOf(value: JsonObject): Json | undefined {
  return value["spec"];
}

/** The spec while paused, and after it was put back. */
function roundTrip(plural: string, spec: JsonObject): { paused: Json | undefined; back: Json | undefined } {
  const before = object(spec);
  const saved = pauseOf(refOf(plural), before);
  const step = pauseStep(saved, before);
  const after = step.state === "patch" ? apply(before, step.patch) : before;
  assert.deepEqual(pauseStep(saved, after), { state: "already" });
  assert.ok(stillPaused(saved, after));
  const { patch, changed } = resumeOf(saved, after);
  assert.deepEqual(changed, []);
  return { paused: specOf(after), back: specOf(patch === undefined ? after : apply(after, patch)) };
}

suite("a pause", () => {
  const rule = { jsonPointers: ["/spec/syncPolicy"] };
  const other = { name: "x", jsonPointers: ["/spec/source/targetRevision"] };
  const sets = { syncPolicy: { applicationsSync: "create-only" }, ignoreApplicationDifferences: [rule] };
  const table: [string, string, JsonObject, JsonObject][] = [
    [
      "applications",
      "syncs by itself",
      { syncPolicy: { automated: { prune: true }, retry: { limit: 5 } } },
      { syncPolicy: { retry: { limit: 5 } } },
    ],
    ["applications", "`enabled: true`", { syncPolicy: { automated: { enabled: true } } }, { syncPolicy: {} }],
    [
      "applications",
      "`enabled: false` is off already",
      { syncPolicy: { automated: { enabled: false, prune: true } } },
      { syncPolicy: { automated: { enabled: false, prune: true } } },
    ],
    ["applications", "synced by hand", { source: {} }, { source: {} }],
    ["applications", "an empty `automated` is on", { syncPolicy: { automated: {} } }, { syncPolicy: {} }],
    ["applicationsets", "no policy", { generators: [] }, { generators: [], ...sets }],
    ["applicationsets", "an empty policy", { syncPolicy: {} }, sets],
    [
      "applicationsets",
      "a policy and rules",
      { syncPolicy: { applicationsSync: "sync" }, ignoreApplicationDifferences: [other] },
      { ...sets, ignoreApplicationDifferences: [other, rule] },
    ],
    ["applicationsets", "paused by hand", sets, sets],
    ["kustomizations", "no suspend", { path: "./calico" }, { path: "./calico", suspend: true }],
    ["kustomizations", "suspended by a person", { suspend: true }, { suspend: true }],
    ["helmreleases", "`suspend: false`", { suspend: false }, { suspend: true }],
    ["bundles", "not paused", {}, { paused: true }],
    ["gitrepos", "`paused: false`", { paused: false }, { paused: true }],
    ["helmops", "paused by a person", { paused: true }, { paused: true }],
  ];
  for (const [plural, what, spec, paused] of table) {
    test(`of ${plural} is put back exactly: ${what}`, () => {
      assert.deepEqual(roundTrip(plural, spec), { paused, back: spec });
    });
  }

  test("of anything is put back exactly", () => {
    const boolean = fc.option(fc.boolean(), { nil: undefined });
    const automated = fc.record({ enabled: fc.boolean(), prune: fc.boolean() }, { requiredKeys: [] });
    const syncPolicy = fc.record(
      {
        automated,
        applicationsSync: fc.constantFrom("sync", "create-only"),
        retry: fc.constant({ limit: 1 }),
      },
      { requiredKeys: [] },
    );
    const rules = fc.array(fc.constantFrom(rule, other), { maxLength: 3 });
    const spec = fc.record(
      { syncPolicy, ignoreApplicationDifferences: rules, suspend: boolean, paused: boolean },
      { requiredKeys: [] },
    );
    const plurals = fc.constantFrom(...GITOPS_KINDS.map(({ plural }) => plural));
    fc.assert(
      fc.property(plurals, spec, (plural, found) => {
        const plain = JSON.parse(JSON.stringify(found)) as JsonObject;
        assert.deepEqual(roundTrip(plural, plain).back, plain);
      }),
    );
  });

  test("names its precondition", () => {
    const before = object({}, "41");
    const step = pauseStep(pauseOf(refOf("kustomizations"), before), before);
    assert.deepEqual(step, {
      state: "patch",
      patch: { metadata: { resourceVersion: "41" }, spec: { suspend: true } },
    });
  });

  test("keeps nothing but the fields it changes", () => {
    const spec = {
      source: { helm: { values: "password: x" } },
      syncPolicy: { automated: { prune: true }, retry: {} },
    };
    const { found } = pauseOf(refOf("applications"), object(spec));
    assert.deepEqual(found, { spec: { syncPolicy: { automated: { prune: true } } } });
  });
});

suite("changed meanwhile", () => {
  const automated = (value: JsonObject): JsonObject => object({ syncPolicy: { automated: value } });
  const saved = pauseOf(refOf("applications"), automated({ prune: true }));

  test("other settings before the pause are what is put back later", () => {
    const step = pauseStep(saved, automated({ prune: false }));
    const found = { spec: { syncPolicy: { automated: { prune: false } } } };
    assert.deepEqual(step, { state: "changed", saved: { ...saved, found } });
  });

  test("a record of an object that was created anew is taken anew", () => {
    const anew = { metadata: { uid: "uid-2", resourceVersion: "9" }, spec: {} };
    const step = pauseStep(saved, anew);
    assert.deepEqual(step, { state: "changed", saved: { ...saved, uid: "uid-2", found: { spec: {} } } });
  });

  test("other settings during the pause are left, and named", () => {
    assert.deepEqual(resumeOf(saved, automated({ prune: false })), {
      changed: ["spec.syncPolicy.automated"],
    });
  });

  test("a person who has resumed it already is not in the way", () => {
    assert.deepEqual(resumeOf(saved, automated({ prune: true })), { changed: [] });
    const suspended = pauseOf(refOf("kustomizations"), object({}));
    assert.deepEqual(resumeOf(suspended, object({ suspend: false })), { changed: [] });
  });

  test("of two fields, the one that is still ours is put back", () => {
    const set = pauseOf(refOf("applicationsets"), object({}));
    const now = {
      syncPolicy: { applicationsSync: "sync" },
      ignoreApplicationDifferences: [{ jsonPointers: ["/spec/syncPolicy"] }],
    };
    assert.deepEqual(resumeOf(set, object(now)), {
      patch: { metadata: { resourceVersion: "7" }, spec: { ignoreApplicationDifferences: null } },
      changed: ["spec.syncPolicy.applicationsSync"],
    });
  });

  test("what a person has added beside a field of ours stays when the field goes", () => {
    const set = pauseOf(refOf("applicationsets"), object({ ignoreApplicationDifferences: [] }));
    const now = object({
      syncPolicy: { applicationsSync: "create-only", preserveResourcesOnDeletion: true },
      ignoreApplicationDifferences: [],
    });
    const { patch } = resumeOf(set, now);
    assert.deepEqual(specOf(apply(now, patch ?? {})), {
      syncPolicy: { preserveResourcesOnDeletion: true },
      ignoreApplicationDifferences: [],
    });
  });

  test("a second change of a half-paused ApplicationSet does not take the pause for what was found", () => {
    const first: SavedPause = pauseOf(
      refOf("applicationsets"),
      object({ syncPolicy: { applicationsSync: "sync" } }),
    );
    const now = object({
      syncPolicy: { applicationsSync: "create-only" },
      ignoreApplicationDifferences: [{ name: "x" }],
    });
    const step = pauseStep(first, now);
    assert.deepEqual(step, {
      state: "changed",
      saved: {
        ...first,
        found: {
          spec: { syncPolicy: { applicationsSync: "sync" }, ignoreApplicationDifferences: [{ name: "x" }] },
        },
      },
    });
  });
});

test("a record of a kind that this version does not know is refused; the version that has paused it goes on", () => {
  const saved = { ...pauseOf(refOf("bundles"), object({})), plural: "widgets" };
  const next = "Go on with the version of this program that has paused it.";
  assert.throws(() => pauseStep(saved, object({})), { code: "GITOPS_KIND_UNKNOWN", next });
  assert.ok(pauseStep({ ...saved, plural: "bundles" }, object({})));
});
