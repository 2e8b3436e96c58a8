import { hash } from "node:crypto";
import { CALICO_PREFIX, parseEtcdKey } from "../../../calico/keys.ts";
import { kindInfo } from "../../../calico/kinds.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import { presentPages } from "../../../etcd/present-pages.ts";
import type { Json } from "../../../json.ts";
import { CLUSTER_INFORMATION_KEY } from "../../etcd-to-kubernetes/source-lock.ts";
import { KeyLine } from "./lines.ts";
import type { Context } from "./options.ts";
import type { Found, Item, ItemRank, Side, Written } from "./side.ts";

const KEYS_PER_PAGE = 1000;
/** Kept in etcd by Calico's own components for each workload; what they say of addresses is as old as the backup. */
const ENDPOINTS: ReadonlySet<string> = new Set(["WorkloadEndpoint", "LiveMigration"]);

/** Calico's keys in etcd, byte for byte. */
export class EtcdSide implements Side<KeyLine> {
  readonly #context: Pick<Context, "connections" | "ensureHeld">;

  constructor(context: Pick<Context, "connections" | "ensureHeld">) {
    this.#context = context;
  }

  /** Status and markers that Calico renews by itself are not worth overwriting. */
  itemOf(line: Json): Item<KeyLine> | undefined {
    const parsed = KeyLine.parse(line);
    const placed = placeOf(parsed.key);
    return placed === undefined ? undefined : { key: parsed.key, line: parsed, ...placed };
  }

  async read(items: readonly Item<KeyLine>[]): Promise<Map<string, Found>> {
    const found = await this.#context.connections.etcd().getMany(items.map(({ key }) => key));
    return new Map([...found].map(([key, kv]) => [key, foundOf(kv)]));
  }

  wants({ line }: Item<KeyLine>): string {
    return hashOf(Buffer.from(line.value, "base64"));
  }

  put({ key, line }: Item<KeyLine>, found: Found | undefined): Promise<Written | undefined> {
    return this.#put(key, line.value, found);
  }

  async find(key: string): Promise<Found | undefined> {
    const kv = (await this.#context.connections.etcd().getMany([key])).get(key);
    return kv === undefined ? undefined : foundOf(kv);
  }

  async putBack(key: string, before: string, found: Found): Promise<boolean> {
    return (await this.#put(key, JSON.parse(before) as string, found)) !== undefined;
  }

  async remove(key: string, { version }: Found): Promise<boolean> {
    this.#context.ensureHeld();
    const etcd = this.#context.connections.etcd();
    return (await etcd.compareAndDelete({ key, expectedModRevision: Number(version) })).applied;
  }

  async *present(): AsyncGenerator<{ key: string; kind: string }[]> {
    const query = { prefix: CALICO_PREFIX, pageSize: KEYS_PER_PAGE, keysOnly: true };
    for await (const page of presentPages(this.#context.connections.etcd(), query))
      yield page.flatMap(({ key }) => {
        const placed = placeOf(key);
        return placed === undefined ? [] : [{ key, kind: placed.kind }];
      });
  }

  async #put(key: string, value: string, found: Found | undefined): Promise<Written | undefined> {
    const expectedModRevision = found === undefined ? ("absent" as const) : Number(found.version);
    const bytes = Buffer.from(value, "base64");
    this.#context.ensureHeld();
    const etcd = this.#context.connections.etcd();
    const { applied } = await etcd.compareAndPut({ key, expectedModRevision, value: bytes });
    return applied ? { uid: "", exact: hashOf(bytes) } : undefined;
  }
}

function placeOf(key: string): Pick<Item, "kind" | "rank" | "delicate"> | undefined {
  if (key === CLUSTER_INFORMATION_KEY) return undefined;
  const parsed = parseEtcdKey(key);
  switch (parsed.type) {
    case "housekeeping":
      return undefined;
    case "resource":
    case "derived":
      return ENDPOINTS.has(parsed.kind)
        ? { kind: parsed.kind, rank: 3, delicate: "addresses" }
        : { kind: parsed.kind, rank: Math.max(kindInfo(parsed.kind).rank, 1) as ItemRank };
    case "unknown":
      return { kind: "other keys", rank: 1 };
    default:
      return { kind: "IPAM", rank: 3, delicate: "addresses" };
  }
}

function foundOf({ value, modRevision }: EtcdKeyValue): Found {
  const before = JSON.stringify(value.toString("base64"));
  const exact = hashOf(value);
  return { before, version: String(modRevision), uid: "", hash: exact, exact, ours: undefined };
}

function hashOf(value: Buffer): string {
  return hash("sha256", value, "hex");
}
