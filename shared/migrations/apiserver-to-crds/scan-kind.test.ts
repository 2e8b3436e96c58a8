import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NATIVE_KINDS } from "../../calico/native/native-kinds.ts";
import type { CheckpointQuery } from "../../engine/ports.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import type { ListOptions, ListPage, ResourceRef } from "../../kubernetes/types.ts";
import { FakeKubernetes } from "../testing/fake-kubernetes.ts";
import { contextOn } from "../testing/plain-context.ts";
import { type Context, v1Resource } from "./context.ts";
import { convert, keyOf } from "./native-task.ts";
import { scanKind } from "./scan-kind.ts";

const KIND = NATIVE_KINDS.find(({ kind }) => kind === "IPPool") ?? assert.fail();
/** More than two pages of a list. */
const COUNT = 1_100;

/** A cluster of which is known in which order pages and checkpoints were read. */
class Listed extends FakeKubernetes {
  readonly log: string[] = [];
  /** Before the page after the first one, once. */
  expires = false;

  override list(ref: ResourceRef, options: ListOptions = {}): Promise<ListPage> {
    this.log.push(options.continueToken === undefined ? "first page" : "next page");
    if (this.expires && options.continueToken !== undefined) {
      this.expires = false;
      return Promise.reject(new KubernetesApiError("KUBERNETES_EXPIRED", "too old", { next: "" }));
    }
    return super.list(ref, options);
  }
}

/** Pools, and the checkpoints of copies that are up to date. */
async function copied(): Promise<{ kubernetes: Listed; rows: Map<string, Checkpoint> }> {
  const kubernetes = new Listed();
  const rows = new Map<string, Checkpoint>();
  for (let index = 0; index < COUNT; index++) {
    const v1 = await kubernetes.create(v1Resource(KIND), pool(nameOf(index)));
    rows.set(keyOf(KIND, v1), { ...convert(KIND, v1).checkpoint, state: "applied" });
  }
  return { kubernetes, rows };
}

function pool(name: string): JsonObject {
  return { kind: "IPPool", metadata: { name }, spec: { cidr: "10.0.0.0/16" } };
}

function nameOf(index: number): string {
  return `pool-${String(index).padStart(5, "0")}`;
}

function contextOf(kubernetes: Listed, rows: ReadonlyMap<string, Checkpoint>): Context {
  const list = ({ after, upTo = "", limit }: CheckpointQuery): Promise<Checkpoint[]> => {
    kubernetes.log.push("checkpoints");
    const found = [...rows.values()].filter(({ key }) => key > (after?.key ?? "") && key <= upTo);
    return Promise.resolve(found.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit));
  };
  return { ...contextOn(kubernetes), ledger: () => ({ list }) } as unknown as Context;
}

describe("comparing the v1 objects of a kind with their checkpoints", () => {
  test("finds what was written, came, was made again and went, on every page", async () => {
    const { kubernetes, rows } = await copied();
    const at = (name: string) => ({ ...v1Resource(KIND), name });
    await kubernetes.patch(at(nameOf(3)), { spec: { disabled: true } }, { type: "merge" });
    await kubernetes.delete(at(nameOf(600)));
    await kubernetes.delete(at(nameOf(COUNT - 1)));
    await kubernetes.delete(at(nameOf(700)));
    await kubernetes.create(v1Resource(KIND), pool(nameOf(700)));
    await kubernetes.create(v1Resource(KIND), pool("zzz"));
    const key = (name: string): string => keyOf(KIND, pool(name));
    const taken = { ...(rows.get(key(nameOf(5))) ?? assert.fail()), state: "reverted" as const };
    rows.set(taken.key, taken);
    const { found } = await scanKind(contextOf(kubernetes, rows), KIND);
    assert.deepEqual(found, {
      written: [nameOf(3), nameOf(5), nameOf(700), "zzz"].map(key),
      gone: [nameOf(600), nameOf(COUNT - 1)].map(key),
    });
  });

  test("begins again where the list does not go on, and tells nothing twice", async () => {
    const { kubernetes, rows } = await copied();
    await kubernetes.delete({ ...v1Resource(KIND), name: nameOf(7) });
    kubernetes.expires = true;
    const { found } = await scanKind(contextOf(kubernetes, rows), KIND);
    assert.deepEqual(found, { written: [], gone: [keyOf(KIND, pool(nameOf(7)))] });
    assert.equal(kubernetes.log.filter((one) => one === "first page").length, 2);
  });

  test("asks for a page while the one before is compared", async () => {
    const { kubernetes, rows } = await copied();
    await scanKind(contextOf(kubernetes, rows), KIND);
    const { log } = kubernetes;
    // A full page of checkpoints is read twice: the second time there are no more.
    const compared = log.indexOf("checkpoints", log.indexOf("checkpoints") + 1);
    assert.ok(log.indexOf("next page") < compared, log.join(", "));
  });
});
