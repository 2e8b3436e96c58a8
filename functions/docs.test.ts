import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Command, COMMAND_SCHEMAS, parseCommand } from "../events/commands.ts";
import { typeOf } from "../events/cloud-event.ts";
import { readExamples } from "../events/testing/examples.ts";
import { isJsonObject, type JsonObject } from "../shared/json.ts";
import type { StartRequest } from "../shared/engine/engine.ts";
import { type Rig, withRig } from "../shared/engine/testing/rig.ts";
import { AdaptiveLimiter } from "../shared/kubernetes/limiter.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { carryOutCommand } from "./run/commands.ts";
import type { Commands } from "./runtime/queue-handler.ts";
import { recordOf } from "./testing/events.ts";
import { QueueRig } from "./testing/queue-rig.ts";

const PAGE = readFileSync(join(import.meta.dirname, "..", "docs", "events.md"), "utf8");
/** A command as it comes over the bus, with where it is shown. */
type Shown = [place: string, detailType: string, detail: JsonObject];

const SHOWN: Shown[] = [
  ...Object.keys(COMMAND_SCHEMAS).flatMap((name) => shownOn("docs/events.md", name)),
  ...readExamples()
    .filter(({ entry }) => entry.role === "command")
    .map(({ file, entry, message }): Shown => [file, entry.name, message]),
];
/** What a command may be refused for that is right, and comes at another time than the run is for. */
const OF_THE_MOMENT = new Set(["APPROVAL_STALE", "APPROVAL_UNSEEN", "NOTHING_TO_UNDO"]);
/** Where an object is looked for that a command names. */
const WHERE_ALL_IS_THERE = {
  kubernetes: { get: () => Promise.resolve({}) },
  limiter: new AdaptiveLimiter(),
} as unknown as ClusterConnections;

describe("commands in docs and examples are carried out by the service", () => {
  test("all of them are shown", () => {
    const shown = new Set(SHOWN.filter(([place]) => place === "docs/events.md").map(([, name]) => name));
    assert.deepEqual([...shown].toSorted(), Object.keys(COMMAND_SCHEMAS).toSorted());
  });

  for (const [place, name, detail] of SHOWN) {
    test(`${name} of ${place}`, () =>
      withRig(WHERE_ALL_IS_THERE, MIGRATIONS, async (rig) => {
        const command = parseCommand(name, detail);
        if (command.type !== "StartRun") await rig.engine.start(runFor(command));
        const queue = new QueueRig(rig, carryOutOn(rig));
        const body = JSON.stringify({ version: "0", source: "docs", "detail-type": name, detail });
        const { batchItemFailures } = await queue.handle([recordOf(body, { receives: 9 })]);
        assert.deepEqual(batchItemFailures, []);
        assert.deepEqual(
          queue.refusals.filter(({ code }) => !OF_THE_MOMENT.has(code)),
          [],
        );
        if (command.type === "StartRun") await rig.engine.describe(command.data.runId);
      }));
  }
});

function carryOutOn({ ports }: Rig<ClusterConnections>): Commands<ClusterConnections>["carryOut"] {
  return (command, engine, asked) => carryOutCommand(command, engine, { ...ports, asked, withinMs: 60_000 });
}

function runFor({ data }: Command): StartRequest {
  const runId = data.runId ?? "prod-eu-1-2027-01-12";
  const migration = "skip" in data ? "apiserver-to-crds" : "etcd-to-kubernetes";
  const asked = { runId, migration, cluster: "prod-eu-1", options: {} };
  return { ...asked, approvals: [], stopBefore: "lock" };
}

function shownOn(place: string, name: string): Shown[] {
  const section = PAGE.split(/^### /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
  return [...section.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text = ""]): Shown => {
    const value: unknown = JSON.parse(text);
    assert.ok(isJsonObject(value));
    return [place, name, "specversion" in value ? value : inEnvelope(name, value)];
  });
}

function inEnvelope(name: string, data: JsonObject): JsonObject {
  const time = "2027-01-12T09:30:00.000Z";
  return { specversion: "1.0", id: "1", source: "docs", type: typeOf(name), time, data };
}
