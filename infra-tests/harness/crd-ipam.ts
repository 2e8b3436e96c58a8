import type { JsonObject } from "../../shared/json.ts";
import { choice, each, flag, integer, list, map, object, text } from "./schema.ts";

// The specs of IPAM. They differ between the two groups: native v3 CRDs type more strictly and default more.

const time = text({ format: "date-time" });

function block(cidr: JsonObject, affinity: JsonObject): JsonObject {
  return object(
    {
      cidr,
      affinity,
      affinityClaimTime: time,
      allocations: list(integer({ nullable: true })),
      unallocated: list(integer()),
      attributes: list(
        object({
          handle_id: text(),
          ...each(["secondary", "alternateOwnerAttrs"], map(text())),
          releasedAt: time,
        }),
      ),
      deleted: flag(),
      sequenceNumber: integer({ default: 0, format: "int64" }),
      sequenceNumberForAllocation: map(integer({ format: "int64" })),
      strictAffinity: flag(),
    },
    ["allocations", "attributes", "cidr", "strictAffinity", "unallocated"],
  );
}

function affinity(cidr: JsonObject, deleted: JsonObject, state: JsonObject): JsonObject {
  return object({ cidr, deleted, state, ...each(["node", "type"], text()) }, [
    "cidr",
    "deleted",
    "node",
    "state",
  ]);
}

function config(
  more: Readonly<Record<"autoAllocateBlocks" | "strictAffinity" | "maxBlocksPerHost", JsonObject>>,
) {
  return object(
    {
      autoAllocateBlocks: flag(more.autoAllocateBlocks),
      strictAffinity: flag(more.strictAffinity),
      maxBlocksPerHost: integer({ minimum: 0, ...more.maxBlocksPerHost }),
      ipCooldownSeconds: integer({ minimum: 0, maximum: 1200 }),
      kubeVirtVMAddressPersistence: choice(["Enabled", "Disabled"]),
    },
    ["autoAllocateBlocks", "strictAffinity"],
  );
}

const handle = object({ handleID: text(), block: map(integer()), deleted: flag() }, ["block", "handleID"]);

/** Schemas of the specs of IPAM in crd.projectcalico.org/v1, by kind. */
export const IPAM_SPECS_V1: Readonly<Record<string, JsonObject>> = {
  IPAMConfig: config({ autoAllocateBlocks: {}, strictAffinity: {}, maxBlocksPerHost: {} }),
  IPAMBlock: block(text(), text()),
  BlockAffinity: affinity(text(), text(), text()),
  IPAMHandle: handle,
};

const cidr = text({ format: "cidr" });

/** Schemas of the specs of IPAM in projectcalico.org/v3, by kind. */
export const IPAM_SPECS_V3: Readonly<Record<string, JsonObject>> = {
  IPAMConfiguration: config({
    autoAllocateBlocks: { default: true },
    strictAffinity: { default: false },
    maxBlocksPerHost: { default: 0, maximum: 1_000_000 },
  }),
  IPAMBlock: block(cidr, text({ pattern: "^(host|virtual):[a-zA-Z0-9\\.\\-_]+$" })),
  BlockAffinity: affinity(
    cidr,
    flag({ default: false }),
    choice(["", "confirmed", "pending", "pendingDeletion"]),
  ),
  IPAMHandle: handle,
};
