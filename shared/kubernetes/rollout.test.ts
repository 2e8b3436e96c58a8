import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { rolloutStatus } from "./rollout.ts";

function workload(kind: string, spec: JsonObject, status: JsonObject, generation = 2): JsonObject {
  return {
    kind,
    metadata: { name: "calico", generation },
    spec,
    status: { observedGeneration: 2, ...status },
  };
}

interface Case {
  what: string;
  object: JsonObject;
  expected: "done" | "waiting" | "failed";
  message: RegExp;
}

const rolling = { updateStrategy: { type: "RollingUpdate" } };
const all = { replicas: 3, updatedReplicas: 3, availableReplicas: 3 };
const pods = { desiredNumberScheduled: 5, updatedNumberScheduled: 5, numberAvailable: 5 };
const sets = { readyReplicas: 3, updatedReplicas: 3, currentRevision: "b", updateRevision: "b" };

const cases: Case[] = [
  {
    what: "a deployment with all replicas",
    object: workload("Deployment", { replicas: 3 }, all),
    expected: "done",
    message: /is rolled out/,
  },
  {
    what: "a deployment of none",
    object: workload("Deployment", { replicas: 0 }, {}),
    expected: "done",
    message: /is rolled out/,
  },
  {
    what: "a deployment whose change is not observed, however it stands",
    object: workload("Deployment", { replicas: 3 }, all, 3),
    expected: "waiting",
    message: /not observed/,
  },
  {
    what: "a deployment with too few updated",
    object: workload("Deployment", { replicas: 3 }, { ...all, updatedReplicas: 1 }),
    expected: "waiting",
    message: /1 of 3 new replicas/,
  },
  {
    what: "a deployment with old ones left",
    object: workload("Deployment", { replicas: 3 }, { ...all, replicas: 5 }),
    expected: "waiting",
    message: /2 old replicas/,
  },
  {
    what: "a deployment with too few available",
    object: workload("Deployment", { replicas: 3 }, { ...all, availableReplicas: 0 }),
    expected: "waiting",
    message: /0 of 3 updated replicas are available/,
  },
  {
    what: "a deployment past its progress deadline",
    object: workload(
      "Deployment",
      { replicas: 3 },
      { conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] },
    ),
    expected: "failed",
    message: /progress deadline/,
  },
  {
    what: "a daemon set on all nodes",
    object: workload("DaemonSet", rolling, pods),
    expected: "done",
    message: /is rolled out/,
  },
  {
    what: "a daemon set with old pods",
    object: workload("DaemonSet", rolling, { ...pods, updatedNumberScheduled: 2 }),
    expected: "waiting",
    message: /2 of 5 pods are updated/,
  },
  {
    what: "a daemon set with pods not available",
    object: workload("DaemonSet", rolling, { ...pods, numberAvailable: 4 }),
    expected: "waiting",
    message: /4 of 5 updated pods/,
  },
  {
    what: "a daemon set not observed",
    object: workload("DaemonSet", rolling, pods, 3),
    expected: "waiting",
    message: /not observed/,
  },
  {
    what: "a daemon set updated by hand",
    object: workload("DaemonSet", { updateStrategy: { type: "OnDelete" } }, pods),
    expected: "failed",
    message: /OnDelete/,
  },
  {
    what: "a stateful set at one revision",
    object: workload("StatefulSet", { ...rolling, replicas: 3 }, sets),
    expected: "done",
    message: /is rolled out/,
  },
  {
    what: "a stateful set between revisions",
    object: workload("StatefulSet", { ...rolling, replicas: 3 }, { ...sets, currentRevision: "a" }),
    expected: "waiting",
    message: /at revision b/,
  },
  {
    what: "a stateful set with pods not ready",
    object: workload("StatefulSet", { ...rolling, replicas: 3 }, { ...sets, readyReplicas: 2 }),
    expected: "waiting",
    message: /2 of 3 pods are ready/,
  },
  {
    what: "a partitioned stateful set with its part done",
    object: workload(
      "StatefulSet",
      { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
      { ...sets, updatedReplicas: 1, currentRevision: "a" },
    ),
    expected: "done",
    message: /1 new pods/,
  },
  {
    what: "a partitioned stateful set with its part open",
    object: workload(
      "StatefulSet",
      { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } } },
      { ...sets, updatedReplicas: 1 },
    ),
    expected: "waiting",
    message: /1 of 2 new pods/,
  },
  { what: "a pod", object: workload("Pod", {}, {}), expected: "failed", message: /has no rollout/ },
];

suite("rolloutStatus", () => {
  for (const { what, object, expected, message } of cases) {
    test(`${what}: ${expected}`, () => {
      const status = rolloutStatus(object);
      const word = status.done ? "done" : status.failed ? "failed" : "waiting";
      assert.equal(word, expected, status.message);
      assert.match(status.message, message);
    });
  }
});
