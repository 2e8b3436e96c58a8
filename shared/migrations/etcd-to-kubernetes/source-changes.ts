import { CALICO_PREFIX, parseEtcdKey } from "../../calico/keys.ts";
import { kindInfo, type Rank } from "../../calico/kinds.ts";
import type { EtcdChange } from "../../etcd/types.ts";
import { CLUSTER_INFORMATION_KEY } from "./source-lock.ts";

/** A change of the source: a new value, or the end of a key. */
export type SourceChange =
  | { type: "put"; key: string; value: Buffer; modRevision: number }
  | { type: "delete"; key: string; modRevision: number };

/** The rank of a key's resource; undefined for keys of which nothing is copied. */
export function rankOf(key: string): Rank | undefined {
  const parsed = parseEtcdKey(key);
  switch (parsed.type) {
    case "resource": {
      const info = kindInfo(parsed.kind);
      return info.carried === true && info.rank > 0 ? info.rank : undefined;
    }
    case "block":
    case "blockAffinity":
    case "handle":
    case "ipamConfig":
      return 3;
    case "derived":
    case "housekeeping":
    case "unknown":
      return undefined;
  }
}

/** True for changes that catching up has to look at. */
export function concerns(change: Pick<EtcdChange, "key">): boolean {
  return change.key.startsWith(CALICO_PREFIX) && change.key !== CLUSTER_INFORMATION_KEY && isData(change.key);
}

/**
 * True for what its owner makes again and again, whatever is locked: every node writes its CalicoNodeStatus on a ticker. It is
 * carried as it comes, and keeps nobody waiting.
 */
export function isMadeAgain(key: string): boolean {
  const parsed = parseEtcdKey(key);
  return parsed.type === "resource" && parsed.kind === "CalicoNodeStatus";
}

function isData(key: string): boolean {
  const { type } = parseEtcdKey(key);
  return type !== "derived" && type !== "housekeeping" && type !== "unknown";
}
