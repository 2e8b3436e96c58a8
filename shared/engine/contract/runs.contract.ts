import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckpointStore } from "../ports.ts";
import { aControl, anEvent, aRun, type OpenStore, take, withStore } from "./fixtures.ts";

export function runTests(open: OpenStore): void {
  recordTests(open);
  listTests(open);
  savingTests(open);
  clusterTests(open);
  controlTests(open);
  wakeTests(open);
}

function recordTests(open: OpenStore): void {
  void test(
    "a run comes back as it was created",
    withStore(open, async ({ store }) => {
      const bare = aRun();
      const full = aRun({
        runId: "r2",
        stage: "precopy",
        waiting: { reason: "Approval", message: "waits", subject: "unlock" },
        failure: { code: "X", message: "m", next: "n" },
        conditions: [
          {
            type: "T",
            status: "True",
            reason: "R",
            message: "M",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
        nextWakeAt: 5,
        finishedAt: 6,
      });
      await store.createRun(bare, aControl());
      await store.createRun(full, aControl({ stopBefore: "unlock" }));

      assert.deepEqual(await store.getRun("r1"), bare);
      assert.deepEqual(await store.getRun("r2"), full);
      assert.deepEqual(await store.getControl("r2"), aControl({ stopBefore: "unlock" }));
    }),
  );

  void test(
    "an unknown run is undefined, and so is its control",
    withStore(open, async ({ store }) => {
      assert.equal(await store.getRun("r1"), undefined);
      assert.equal(await store.getControl("r1"), undefined);
    }),
  );

  void test(
    "an id that is taken is refused, and the first run stays",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());

      await assert.rejects(store.createRun(aRun({ cluster: "west" }), aControl({ pause: true })), {
        code: "RUN_EXISTS",
      });

      assert.equal((await store.getRun("r1"))?.cluster, "east");
      assert.equal((await store.getControl("r1"))?.pause, false);
    }),
  );
}

function listTests(open: OpenStore): void {
  const runs = [
    aRun({ runId: "a", createdAt: 1, cluster: "east" }),
    aRun({ runId: "b", createdAt: 3, cluster: "west" }),
    aRun({ runId: "c", createdAt: 2, cluster: "east" }),
    aRun({ runId: "d", createdAt: 3, cluster: "east" }),
    aRun({ runId: "e", createdAt: 3, cluster: "east" }),
  ];
  const listAll = async (store: CheckpointStore, limit: number, cluster?: string): Promise<string[]> => {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.listRuns({ limit, ...(cluster && { cluster }), ...(cursor && { cursor }) });
      assert.ok(page.items.length <= limit);
      ids.push(...page.items.map((run) => run.runId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return ids;
  };

  for (const limit of [1, 2, 5, 100]) {
    void test(
      `runs are listed newest first, each once, in pages of ${limit}`,
      withStore(open, async ({ store }) => {
        for (const run of runs) await store.createRun(run, aControl());

        const all = await listAll(store, limit);
        assert.deepEqual([...all].sort(), ["a", "b", "c", "d", "e"]);
        assert.deepEqual(all.slice(3), ["c", "a"]);
        assert.deepEqual((await listAll(store, limit, "east")).slice(2), ["c", "a"]);
        assert.deepEqual(await listAll(store, limit, "west"), ["b"]);
        assert.deepEqual(await listAll(store, limit, "north"), []);
      }),
    );
  }

  void test(
    "a cursor that no list gave is refused; without one it is listed from the start",
    withStore(open, async ({ store }) => {
      await assert.rejects(store.listRuns({ limit: 1, cursor: "nonsense" }), {
        code: "CURSOR_INVALID",
        next: "List again from the start, without a cursor.",
      });
      assert.deepEqual((await store.listRuns({ limit: 1 })).items, []);
    }),
  );
}

function savingTests(open: OpenStore): void {
  void test(
    "a save gives the next version and appends events",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun({ version: 4, nextWakeAt: 9 }), aControl());
      const lease = await take(store);

      const saved = await store.saveRun(aRun({ version: 4, state: "Running" }), lease, [
        anEvent(1),
        anEvent(2),
      ]);
      const again = await store.saveRun(saved, lease, [anEvent(3)]);

      assert.deepEqual(saved, aRun({ version: 5, state: "Running" }));
      assert.deepEqual(again, aRun({ version: 6, state: "Running" }));
      assert.deepEqual(await store.getRun("r1"), again);
      assert.deepEqual(
        await store.listEvents({ runId: "r1", after: 0, limit: 9 }),
        [1, 2, 3].map((n) => anEvent(n)),
      );
    }),
  );

  void test(
    "events are listed by number, from one on, at most so many, and of this run only",
    withStore(open, async ({ store }) => {
      for (const runId of ["r1", "r2"]) {
        await store.createRun(aRun({ runId }), aControl());
        const events = Array.from({ length: 12 }, (_, index) => anEvent(index + 1, { runId }));
        await store.saveRun(aRun({ runId }), await take(store, runId), events);
      }

      const page = await store.listEvents({ runId: "r1", after: 8, limit: 3 });

      assert.deepEqual(
        page,
        [9, 10, 11].map((n) => anEvent(n)),
      );
      assert.deepEqual(await store.listEvents({ runId: "r1", after: 12, limit: 3 }), []);
    }),
  );

  void test(
    "a run that was saved since it was read is refused, its events too",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());
      const lease = await take(store);
      const saved = await store.saveRun(aRun({ attempt: 1 }), lease, []);

      await assert.rejects(store.saveRun(aRun({ attempt: 2 }), lease, [anEvent(1)]), { code: "RUN_CHANGED" });

      assert.deepEqual(await store.getRun("r1"), saved);
      assert.deepEqual(await store.listEvents({ runId: "r1", after: 0, limit: 9 }), []);
    }),
  );

  void test(
    "of two saves of the same version, exactly one is done",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());
      const lease = await take(store);

      const results = await Promise.allSettled(
        [1, 2].map((attempt) => store.saveRun(aRun({ attempt }), lease, [])),
      );

      assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
      assert.equal((await store.getRun("r1"))?.version, 1);
    }),
  );

  void test(
    "a run that was never created cannot be saved",
    withStore(open, async ({ store }) => {
      const lease = await take(store);

      await assert.rejects(store.saveRun(aRun(), lease, [anEvent(1)]), { code: "RUN_NOT_FOUND" });

      assert.deepEqual(await store.listEvents({ runId: "r1", after: 0, limit: 9 }), []);
    }),
  );
}

function clusterTests(open: OpenStore): void {
  void test(
    "one run holds a cluster at a time",
    withStore(open, async ({ store }) => {
      for (const runId of ["r1", "r2"]) await store.createRun(aRun({ runId }), aControl());
      const [first, second] = [await take(store, "r1"), await take(store, "r2")];
      const holding = await store.saveRun(aRun({ holdsCluster: true }), first, []);

      const busy = store.saveRun(aRun({ runId: "r2", holdsCluster: true }), second, [
        anEvent(1, { runId: "r2" }),
      ]);

      await assert.rejects(busy, { code: "CLUSTER_BUSY", details: { cluster: "east", runId: "r1" } });
      assert.deepEqual(await store.getRun("r2"), aRun({ runId: "r2" }));
      assert.deepEqual(await store.listEvents({ runId: "r2", after: 0, limit: 9 }), []);
      assert.equal((await store.saveRun(holding, first, [])).holdsCluster, true);
    }),
  );

  void test(
    "a cluster that is given back can be held by another run",
    withStore(open, async ({ store }) => {
      for (const runId of ["r1", "r2"]) await store.createRun(aRun({ runId }), aControl());
      const [first, second] = [await take(store, "r1"), await take(store, "r2")];
      const holding = await store.saveRun(aRun({ holdsCluster: true }), first, []);

      await store.saveRun({ ...holding, holdsCluster: false }, first, []);

      const saved = await store.saveRun(aRun({ runId: "r2", holdsCluster: true }), second, []);
      assert.equal(saved.holdsCluster, true);
    }),
  );

  void test(
    "runs of other clusters are not in the way, and waiting runs of the same one are not either",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun({ holdsCluster: true }), aControl());
      await store.createRun(aRun({ runId: "r2" }), aControl());
      await store.createRun(aRun({ runId: "r3", cluster: "west", holdsCluster: true }), aControl());

      await assert.rejects(store.createRun(aRun({ runId: "r4", holdsCluster: true }), aControl()), {
        code: "CLUSTER_BUSY",
      });
      assert.equal(await store.getRun("r4"), undefined);
    }),
  );

  void test(
    "of runs that reach for a cluster at the same time, exactly one gets it",
    withStore(open, async ({ store }) => {
      const ids = ["r1", "r2", "r3", "r4"];
      for (const runId of ids) await store.createRun(aRun({ runId }), aControl());
      const leases = await Promise.all(ids.map((runId) => take(store, runId)));

      const saves = leases.map((lease) =>
        store.saveRun(aRun({ runId: lease.name, holdsCluster: true }), lease, []),
      );

      const done = (await Promise.allSettled(saves)).filter((result) => result.status === "fulfilled");
      assert.equal(done.length, 1);
    }),
  );
}

function controlTests(open: OpenStore): void {
  void test(
    "changes of the control are never lost, however many are made at once",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());

      const changes = Array.from({ length: 20 }, () =>
        store.updateControl("r1", (control) => ({ ...control, retries: control.retries + 1 })),
      );

      await Promise.all(changes);
      assert.equal((await store.getControl("r1"))?.retries, 20);
    }),
  );

  void test(
    "an update returns what is stored, and leaves the run alone",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());
      const approval = { subject: "unlock", by: "anna", at: 5 };

      const updated = await store.updateControl("r1", (control) => ({
        ...control,
        undo: "abort",
        approvals: [approval],
      }));

      assert.deepEqual(updated, aControl({ undo: "abort", approvals: [approval] }));
      assert.deepEqual(await store.getControl("r1"), updated);
      assert.deepEqual(await store.getRun("r1"), aRun());
    }),
  );

  void test(
    "hundreds of decisions about conflicts come back as they were made, and can be dropped",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());
      const made = { by: "anna", at: 5, retries: 1 };
      const resolutions = [
        ...Array.from({ length: 700 }, (_, n) => ({
          ...{ key: `NetworkPolicy/shop/ü-${n}`, seen: "s".repeat(64), use: "source" as const },
          ...made,
        })),
        { kind: "Tier", seenUpTo: 1_799_746_200_000, use: "skip" as const, ...made },
      ];

      await store.updateControl("r1", (control) => ({ ...control, resolutions }));

      assert.deepEqual(await store.getControl("r1"), aControl({ resolutions }));
      await store.updateControl("r1", ({ resolutions: _, ...control }) => control);
      assert.deepEqual(await store.getControl("r1"), aControl());
    }),
  );

  void test(
    "a save of the run leaves its control alone",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl({ pause: true }));

      await store.saveRun(aRun({ state: "Running" }), await take(store), []);

      assert.deepEqual(await store.getControl("r1"), aControl({ pause: true }));
    }),
  );

  void test(
    "a change that throws changes nothing",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun(), aControl());
      const refuse = () => {
        throw new Error("too late");
      };

      await assert.rejects(store.updateControl("r1", refuse), /too late/);

      assert.deepEqual(await store.getControl("r1"), aControl());
    }),
  );

  void test(
    "an unknown run has no control to change",
    withStore(open, async ({ store }) => {
      await assert.rejects(
        store.updateControl("r1", (control) => control),
        { code: "RUN_NOT_FOUND" },
      );
    }),
  );
}

function wakeTests(open: OpenStore): void {
  void test(
    "runs are due from their time on, for as long as they have one",
    withStore(open, async ({ store }) => {
      await store.createRun(aRun({ runId: "early", nextWakeAt: 100 }), aControl());
      await store.createRun(aRun({ runId: "late", nextWakeAt: 200.5 }), aControl());
      await store.createRun(aRun({ runId: "never" }), aControl());

      assert.deepEqual(await store.dueRuns(99, 10), []);
      assert.deepEqual(await store.dueRuns(100, 10), ["early"]);
      assert.deepEqual((await store.dueRuns(201, 10)).sort(), ["early", "late"]);
      assert.equal((await store.dueRuns(201, 1)).length, 1);

      const lease = await take(store);
      const saved = await store.saveRun(aRun({ runId: "early" }), lease, []);
      assert.deepEqual(await store.dueRuns(1_000_000, 10), ["late"]);

      await store.saveRun({ ...saved, nextWakeAt: 150 }, lease, []);
      assert.deepEqual(await store.dueRuns(150, 10), ["early"]);
    }),
  );
}
