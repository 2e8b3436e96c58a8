import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shownAlways } from "../../shared/engine/approvals.ts";
import type { Command } from "../../events/commands.ts";
import { type Rig, withRig } from "../../shared/engine/testing/rig.ts";
import { action, failure, gate, migrationOf, waitFor } from "../../shared/engine/testing/stages.ts";
import { bodyOf, recordOf } from "../testing/events.ts";
import { QueueRig } from "../testing/queue-rig.ts";
import { carryOutRunCommand } from "./handler.ts";

const stages = [
  action<undefined>("one"),
  gate<undefined>("wait", () => Promise.resolve(waitFor("nothing"))),
  action<undefined>("last", undefined, { pointOfNoReturn: true }),
];

function withQueue(body: (queue: QueueRig<undefined>, rig: Rig<undefined>) => Promise<void>): Promise<void> {
  return withRig(undefined, [migrationOf(stages)], (rig) => body(new QueueRig(rig, carryOutRunCommand), rig));
}

const LAST = shownAlways("last", "").fingerprint;

function startRun(over: Partial<Extract<Command, { type: "StartRun" }>["data"]> = {}): Command {
  const data = {
    runId: "run-1",
    migration: "test",
    cluster: "east",
    options: { a: 1, b: [] },
    approvals: [],
    by: "ann",
  };
  return { type: "StartRun", data: { ...data, ...over } };
}

async function send(queue: QueueRig<undefined>, command: Command, receives = 1): Promise<boolean> {
  const { batchItemFailures } = await queue.handle([recordOf(bodyOf(command), { receives })]);
  return batchItemFailures.length === 0;
}

describe("StartRun", () => {
  test("starts the run by the id that the sender chose", () =>
    withQueue(async (queue, rig) => {
      const approvals = [{ subject: "last", by: "ann", at: 5 }];
      assert.ok(await send(queue, startRun({ approvals, stopBefore: "wait", plan: "3f2a91c0d4e7" })));

      const { run, control } = await rig.engine.describe("run-1");
      assert.deepEqual([run.migration, run.cluster, run.options], ["test", "east", { a: 1, b: [] }]);
      assert.equal(run.plan, "3f2a91c0d4e7");
      const bound = approvals.map((one) => ({ ...one, fingerprint: LAST }));
      assert.deepEqual([control.approvals, control.stopBefore], [bound, "wait"]);
      assert.deepEqual(queue.sent, [{ message: { type: "run.advance", runId: "run-1" }, hops: 0 }]);
    }));

  test("that comes twice starts one run, and sends it off again as long as nobody has taken it up", () =>
    withQueue(async (queue, rig) => {
      await send(queue, startRun());
      assert.ok(await send(queue, startRun()));
      assert.equal(queue.sent.length, 2);

      await rig.engine.handle({ type: "run.advance", runId: "run-1" }, new AbortController().signal);
      assert.ok(await send(queue, startRun()));
      assert.equal(queue.sent.length, 2);
      assert.deepEqual(queue.refusals, []);
      assert.equal((await rig.ports.store.listRuns({ limit: 10 })).items.length, 1);
    }));

  for (const over of [{ cluster: "west" }, { options: { a: 2 } }, { migration: "other" }]) {
    test(`for another run with the same id is refused: ${JSON.stringify(over)}`, () =>
      withQueue(async (queue, rig) => {
        await send(queue, startRun());
        assert.ok(await send(queue, startRun(over)));

        assert.equal(queue.refusals.length, 1);
        assert.equal((await rig.engine.describe("run-1")).run.cluster, "east");
      }));
  }

  test("that asks for what there is not is refused, saying what to do", () =>
    withQueue(async (queue) => {
      assert.ok(await send(queue, startRun({ migration: "other" })));
      assert.ok(await send(queue, startRun({ stopBefore: "nowhere" })));

      const [first] = queue.refusals;
      assert.deepEqual(first, {
        command: "StartRun",
        runId: "run-1",
        cluster: "east",
        messageId: "message-1",
        code: "MIGRATION_UNKNOWN",
        message: 'there is no migration "other"',
        next: "Use one of: test.",
      });
      assert.equal(queue.refusals[1]?.code, "STAGE_UNKNOWN");
      assert.equal(queue.observers.counted.CommandsRefused, 2);
      assert.ok(
        queue.observers.lines.some(({ message, facts }) => message === "refused a command" && facts["code"]),
      );
    }));

  for (const option of ["manifest", "rollbackManifest", "crds"]) {
    test(`with a ${option} that no function reads is refused at once, without the URL's query`, () =>
      withQueue(async (queue, rig) => {
        const options = { [option]: "https://example.com/calico.yaml?token=s3cret" };
        assert.ok(await send(queue, startRun({ options })));
        const [refusal] = queue.refusals;
        assert.equal(refusal?.code, "MANIFEST_SOURCE_REFUSED");
        assert.equal(
          refusal.message,
          `${option}: https://example.com/calico.yaml is no artifact, and a service reads nothing else`,
        );
        assert.match(refusal.next, /manifests put SOURCE --aws/);
        await assert.rejects(rig.engine.describe("run-1"), { code: "RUN_NOT_FOUND" });
        assert.ok(await send(queue, startRun({ options: { [option]: "artifact:manifests/x.yaml" } })));
        assert.equal(queue.refusals.length, 1);
      }));
  }

  test("is tried again when the store has no time", () =>
    withQueue(async (queue, rig) => {
      rig.ports.store.createRun = () => Promise.reject(failure("STORE_BUSY", true));
      assert.equal(await send(queue, startRun()), false);
      assert.deepEqual(queue.refusals, []);
    }));
});

describe("commands of people", () => {
  test("pause and resume", () =>
    withQueue(async (queue, rig) => {
      await send(queue, startRun());
      await send(queue, { type: "PauseRun", data: { runId: "run-1", by: "ann" } });
      assert.equal((await rig.engine.describe("run-1")).control.pause, true);

      await send(queue, { type: "ResumeRun", data: { runId: "run-1", by: "ann" } });
      assert.equal((await rig.engine.describe("run-1")).control.pause, false);
    }));

  test("leave nothing out where that cannot be, and say so", () =>
    withQueue(async (queue, rig) => {
      await send(queue, startRun());
      const resume = { runId: "run-1", skip: ["NetworkSet/shop/partners"], by: "ann" };
      await send(queue, { type: "ResumeRun", data: resume });
      assert.equal(queue.refusals[0]?.code, "SKIP_IMPOSSIBLE");
      assert.equal((await rig.engine.describe("run-1")).control.retries, 0);
    }));

  test("approve what they name, and nothing else", () =>
    withQueue(async (queue, rig) => {
      await send(queue, startRun());
      const approve = { runId: "run-1", by: "ann", subject: "last" };
      assert.ok(await send(queue, { type: "ApproveRun", data: approve }));

      const { control } = await rig.engine.describe("run-1");
      assert.deepEqual(
        control.approvals.map(({ subject, by }) => [subject, by]),
        [["last", "ann"]],
      );
    }));

  test("decide about conflicts as they were seen, and change nothing when they come twice", () =>
    withQueue(async (queue, rig) => {
      await send(queue, startRun());
      const resolutions = [
        { key: "Tier/a", seen: "x", use: "source" as const },
        { kind: "IPPool", seenUpTo: 5, use: "skip" as const },
      ];
      const resolve: Command = { type: "ResolveConflicts", data: { runId: "run-1", by: "ann", resolutions } };
      assert.ok(await send(queue, resolve));
      assert.ok(await send(queue, resolve));

      const { control } = await rig.engine.describe("run-1");
      assert.deepEqual(
        control.resolutions?.map(({ at: _, retries: __, ...said }) => said),
        resolutions.map((one) => ({ ...one, by: "ann" })),
      );
    }));

  test("for a run that is not there wait for it a while: they may have overtaken its start", () =>
    withQueue(async (queue) => {
      const pause: Command = { type: "PauseRun", data: { runId: "run-1", by: "ann" } };
      assert.equal(await send(queue, pause, 1), false);
      assert.equal(await send(queue, pause, 2), false);
      assert.ok(await send(queue, pause, 3));

      assert.equal(queue.refusals[0]?.code, "RUN_NOT_FOUND");
      assert.ok(queue.shownAfter.every((ms) => ms >= 1_000));
    }));

  test("that belong on another queue are given back", () =>
    withQueue(async (queue) => {
      assert.equal(await send(queue, { type: "AbortRequested", data: { runId: "run-1", by: "ann" } }), false);
    }));
});
