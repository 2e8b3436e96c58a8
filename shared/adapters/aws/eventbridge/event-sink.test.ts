import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import type { DomainEvent } from "../../../engine/records.ts";
import { ManualClock } from "../../../engine/testing/manual-clock.ts";
import type { JsonObject } from "../../../json.ts";
import {
  type FakeService,
  jsonError,
  type ServiceAnswer,
  type ServiceRequest,
  startFakeService,
} from "../calls/testing/fake-service.ts";
import { EventBridgeSink } from "./event-sink.ts";

interface Put {
  Entries: { EventBusName: string; Source: string; DetailType: string; Detail: string; Time: number }[];
}

describe("events for a bus", () => {
  test("are CloudEvents, in their order, ten a request", async () => {
    await using service = await startFakeService(accept);
    const events = Array.from({ length: 23 }, (_, index) => failed(index + 1));

    await rig(service).sink.emit(events);

    const puts = putsOf(service);
    assert.deepEqual(
      puts.map(({ Entries }) => Entries.length),
      [10, 10, 3],
    );
    assert.deepEqual(
      idsOf(service).flat(),
      events.map(({ sequence }) => `r1/${sequence}`),
    );
    const [entry] = puts[0]?.Entries ?? [];
    assert.ok(entry);
    const { EventBusName, Source, DetailType, Time, Detail } = entry;
    assert.deepEqual(
      { EventBusName, Source, DetailType, Time },
      {
        EventBusName: "bus",
        Source: "calico-migrator",
        DetailType: "calico-migrator.run.failed.v1",
        Time: 1_800_000_000,
      },
    );
    assert.partialDeepStrictEqual(JSON.parse(Detail), {
      specversion: "1.0",
      id: "r1/1",
      type: DetailType,
      data: { code: "THE_CODE" },
    });
  });

  test("that are large share requests only as far as they fit", async () => {
    await using service = await startFakeService(accept);

    await rig(service).sink.emit([1, 2, 3].map((sequence) => failed(sequence, "m".repeat(100_000))));

    assert.deepEqual(idsOf(service), [["r1/1", "r1/2"], ["r1/3"]]);
  });

  test("that are too large are cut down", async () => {
    await using service = await startFakeService(accept);

    await rig(service).sink.emit([failed(1, "ü".repeat(200_000))]);

    const [entry] = putsOf(service)[0]?.Entries ?? [];
    assert.ok(entry && entry.Detail.length < 10_000);
    assert.partialDeepStrictEqual(JSON.parse(entry.Detail), { id: "r1/1", data: { code: "THE_CODE" } });
  });

  test("that the bus fails to take are put again, and only those", async () => {
    await using service = await startFakeService(
      answers([undefined, "ThrottlingException", undefined], ["InternalFailure"], [undefined]),
    );
    const { sink, clock } = rig(service);

    await clock.runUntil(sink.emit([failed(1), failed(2), failed(3)]));

    assert.deepEqual(idsOf(service), [["r1/1", "r1/2", "r1/3"], ["r1/2"], ["r1/2"]]);
  });

  test("are to be given again when the bus fails for long", async () => {
    await using service = await startFakeService(answers(["InternalFailure"]));
    const { sink, clock } = rig(service);

    await assert.rejects(clock.runUntil(sink.emit([failed(1)]), 60_000), {
      code: "AWS_UNAVAILABLE",
      message: /bus bus: InternalFailure/,
    });
    assert.equal(service.requests.length, 7);
  });

  test("of which the bus refuses one, are sent without it", async () => {
    await using service = await startFakeService(
      answers([undefined, "MalformedDetail"], ["MalformedDetail"], []),
    );
    const { sink, dropped } = rig(service);

    await sink.emit([failed(1), failed(2)]);

    assert.deepEqual(dropped, [[2, "MalformedDetail"]]);
    assert.equal(service.requests.length, 2);
  });

  test("without permission are neither dropped nor repeated", async () => {
    await using service = await startFakeService(answers(["AccessDeniedException"]));
    const { sink, dropped } = rig(service);

    await assert.rejects(sink.emit([failed(1)]), { code: "AWS_DENIED" });

    assert.deepEqual(dropped, []);
    assert.equal(service.requests.length, 1);
  });

  test("for a bus that is not there are refused", async () => {
    await using service = await startFakeService(() => jsonError(400, "ResourceNotFoundException"));

    await assert.rejects(rig(service).sink.emit([failed(1)]), { code: "AWS_REFUSED", message: /bus bus/ });
  });

  test("that are none need no request", async () => {
    await using service = await startFakeService(accept);

    await rig(service).sink.emit([]);

    assert.deepEqual(service.requests, []);
  });
});

function rig({ config }: FakeService) {
  const clock = new ManualClock();
  const dropped: [sequence: number, reason: string][] = [];
  const sink = new EventBridgeSink({
    eventBridge: new EventBridgeClient(config),
    busName: "bus",
    clock,
    onDropped: ({ sequence }, reason) => dropped.push([sequence, reason]),
  });
  return { sink, clock, dropped };
}

function failed(sequence: number, message = "it failed"): DomainEvent {
  const data: JsonObject = { code: "THE_CODE", message, next: "Do something." };
  return { runId: "r1", sequence, type: "run.failed", time: 1_800_000_000_000, data };
}

function accept({ body }: ServiceRequest): ServiceAnswer {
  const { Entries } = JSON.parse(body.toString()) as Put;
  return { body: JSON.stringify({ FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: "1" })) }) };
}

/** Answers each request with these codes for its entries, the last one for all further requests. */
function answers(...codes: (string | undefined)[][]): () => ServiceAnswer {
  return () => {
    const entries = (codes.length > 1 ? codes.shift() : codes[0]) ?? [];
    return {
      body: JSON.stringify({
        FailedEntryCount: entries.filter(Boolean).length,
        Entries: entries.map((ErrorCode) => (ErrorCode === undefined ? { EventId: "1" } : { ErrorCode })),
      }),
    };
  };
}

function putsOf({ requests }: FakeService): Put[] {
  return requests.map(({ body }) => JSON.parse(body.toString()) as Put);
}

function idsOf(service: FakeService): string[][] {
  return putsOf(service).map(({ Entries }) =>
    Entries.map(({ Detail }) => (JSON.parse(Detail) as { id: string }).id),
  );
}
