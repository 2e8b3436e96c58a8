import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../json.ts";
import { type ChangesSource, readChanges, type WatchRequest } from "./changes.ts";
import { isKubernetesError, KubernetesApiError } from "./errors.ts";
import { textAt } from "./fields.ts";
import { connectFake } from "./testing/connect-fake.ts";
import type { Change, ListOptions } from "./types.ts";

const widgets = { apiVersion: "example.org/v1", plural: "widgets" };
const configMaps = { apiVersion: "v1", plural: "configmaps", namespace: "here" };

function event(type: string, version: number): string {
  const object = { metadata: { name: `w${version}`, resourceVersion: String(version) } };
  return JSON.stringify({ type, object });
}

/** How one watch goes: how many events it gives before it ends, and how. */
interface Turn {
  events: number;
  bookmark: boolean;
  end: "quiet" | "broken";
}

const broken = new KubernetesApiError("KUBERNETES_CONNECTION_LOST", "lost", { next: "" });

/** An API server at `present`, whose resource was written at `history`, and whose watches go as `turns` say, then well. */
class FakeSource implements ChangesSource {
  readonly #history: readonly number[];
  readonly #present: number;
  readonly #turns: Turn[];
  readonly asked: ListOptions[] = [];

  constructor(history: readonly number[], present: number, turns: readonly Turn[] = []) {
    this.#history = history;
    this.#present = present;
    this.#turns = [...turns];
  }

  list(_ref: unknown, options: ListOptions = {}) {
    this.asked.push(options);
    return Promise.resolve({ items: [], resourceVersion: String(this.#present) });
  }

  watch({ resourceVersion, take }: WatchRequest): Promise<void> {
    const turn = this.#turns.shift() ?? { events: Infinity, bookmark: true, end: "quiet" };
    const since = this.#history.filter((version) => version > Number(resourceVersion));
    const told = since.slice(0, turn.events);
    for (const version of told) {
      const type = version % 3 === 0 ? "DELETED" : version % 3 === 1 ? "ADDED" : "MODIFIED";
      if (!take(event(type, version))) return Promise.resolve();
    }
    const upTo = told.length === since.length ? this.#present : (told.at(-1) ?? Number(resourceVersion));
    if (turn.bookmark && !take(event("BOOKMARK", upTo))) return Promise.resolve();
    return turn.end === "broken" ? Promise.reject(broken) : Promise.resolve();
  }
}

function versions(events: readonly Change[]): number[] {
  return events.map(({ object }) => Number(textAt(object, "metadata", "resourceVersion")));
}

suite("changes", () => {
  test("are complete up to the present and without repetition, however watches end", async () => {
    const turn = fc.record({
      events: fc.nat(4),
      bookmark: fc.boolean(),
      end: fc.constantFrom<Turn["end"]>("quiet", "quiet", "quiet", "broken"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 11, max: 60 }), { maxLength: 30 }),
        fc.array(turn, { maxLength: 3 }),
        fc.integer({ min: 1, max: 12 }),
        async (written, turns, limit) => {
          const history = written.sort((a, b) => a - b);
          const source = new FakeSource(history, 60, turns);
          const seen: Change[] = [];
          let resourceVersion = "10";
          let more = true;
          while (more) {
            const answer = await readChanges(source, widgets, { resourceVersion, limit });
            assert(answer.events.length <= limit);
            seen.push(...answer.events);
            ({ resourceVersion, more } = answer);
          }
          assert.deepEqual(versions(seen), history);
          assert.equal(resourceVersion, "60");
          assert(seen.every(({ type }, n) => (type === "deleted") === ((history[n] ?? 0) % 3 === 0)));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("need no watch where nothing was written to the cluster since", async () => {
    const source = new FakeSource([], 60);
    const answer = await readChanges(source, widgets, { resourceVersion: "60" });
    assert.deepEqual(answer, { events: [], resourceVersion: "60", more: false });
    assert.equal(source.asked.length, 1);
  });

  test("are not claimed to be complete while no stream has passed the present (KUBERNETES_EXPIRED); listed anew they are", async () => {
    const silent = { events: 0, bookmark: false, end: "quiet" } as const;
    const source = new FakeSource(
      [20],
      60,
      Array.from({ length: 100 }, () => silent),
    );
    await assert.rejects(
      readChanges(source, widgets, { resourceVersion: "10", timeoutMs: 250 }),
      (error) =>
        isKubernetesError(error, "KUBERNETES_EXPIRED") &&
        /everything is listed and compared/.test(error.next),
    );
    const { resourceVersion } = await source.list(widgets, {});
    const since = await readChanges(new FakeSource([20], 60), widgets, { resourceVersion });
    assert.deepEqual([since.events, since.more], [[], false]);
  });

  test("are not told for versions that are no revisions of etcd", async () => {
    await assert.rejects(readChanges(new FakeSource([], 60), widgets, { resourceVersion: "12/34" }), {
      code: "KUBERNETES_VERSION_UNKNOWN",
    });
  });

  test("go over the wire line by line, and end the watch when they have passed the present", async (t) => {
    const { client, fake } = await connectFake(t);
    await client.create(widgets, { metadata: { name: "a" } });
    const page = await client.list(widgets);
    await client.create(widgets, { metadata: { name: "b" } });
    fake.requests.length = 0;
    const exact = '{"type":"ADDED","object":{"metadata":{"resourceVersion":"2"},"n":9007199254740993}}';
    inject(fake, [], "limit");
    inject(fake, [], "progress");
    inject(fake, [exact, event("ADDED", 99)], "watch");
    const answer = await client.changes(widgets, { resourceVersion: page.resourceVersion });
    assert.equal(answer.resourceVersion, "2");
    assert.equal(answer.events.length, 1);
    assert.match(JSON.stringify(answer.events[0]?.object), /"n":9007199254740993}/);
    const [, progress, watch] = fake.requests;
    assert.deepEqual(
      ["resourceVersion", "resourceVersionMatch", "limit"].map((name) => progress?.query.get(name)),
      ["2", "NotOlderThan", null],
    );
    assert.deepEqual(
      ["watch", "resourceVersion", "allowWatchBookmarks"].map((name) => watch?.query.get(name)),
      ["true", "1", "true"],
    );
  });

  test("wait on connections of their own, so that requests are answered meanwhile", async (t) => {
    const { client, fake } = await connectFake(t, {}, { connections: 1 });
    await client.create(configMaps, { metadata: { name: "a" } });
    const caughtUp = Promise.withResolvers<undefined>();
    const happened = Promise.withResolvers<undefined>();
    inject(fake, [], "limit");
    inject(fake, [], "progress", caughtUp.promise);
    inject(fake, [event("ADDED", 2)], "watch", happened.promise);
    const changes = client.changes(widgets, { resourceVersion: "1" });
    for (const [query, end] of [
      ["resourceVersionMatch", caughtUp],
      ["watch", happened],
    ] as const) {
      while (!fake.requests.some((request) => request.query.has(query)))
        await client.get({ ...configMaps, name: "a" });
      await client.get({ ...configMaps, name: "a" });
      end.resolve(undefined);
    }
    assert.equal((await changes).events.length, 1);
  });

  test("that the server has forgotten are told by an event and by an answer alike", async (t) => {
    const { client, fake } = await connectFake(t);
    await client.create(widgets, { metadata: { name: "a" } });
    await client.create(widgets, { metadata: { name: "b" } });
    const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
    const isExpired = (error: unknown) => isKubernetesError(error, "KUBERNETES_EXPIRED");
    for (const answer of [
      { status: 200, body: {}, raw: `${JSON.stringify({ type: "ERROR", object: status })}\n` },
      { status: 410, body: status },
    ]) {
      inject(fake, [], "limit");
      inject(fake, [], "progress");
      fake.inject({ method: "GET", answer });
      await assert.rejects(client.changes(widgets, { resourceVersion: "1" }), isExpired);
    }
  });
});

/** The next answer: of the list with a limit, of the read that asks for progress, or of the watch. */
function inject(
  fake: Awaited<ReturnType<typeof connectFake>>["fake"],
  lines: readonly string[],
  what: "limit" | "progress" | "watch",
  until?: Promise<unknown>,
): void {
  const list: JsonObject = { kind: "WidgetList", metadata: { resourceVersion: "2" }, items: [] };
  const raw = what === "watch" ? lines.map((line) => `${line}\n`).join("") : JSON.stringify(list);
  fake.inject({
    method: "GET",
    path: "/widgets",
    answer: { status: 200, body: {}, raw },
    ...(until && { until }),
  });
}
