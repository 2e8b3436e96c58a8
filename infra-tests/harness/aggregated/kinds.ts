import { type KindInfo, KINDS, targetKind } from "../../../shared/calico/kinds.ts";

/** A kind that the aggregated API serves, with its names in both groups. */
export interface ServedKind {
  readonly info: KindInfo;
  /** As projectcalico.org/v3 names it. */
  readonly kind: string;
  readonly plural: string;
  /** As crd.projectcalico.org/v1 names it. */
  readonly storedKind: string;
  readonly storedPlural: string;
}

/** The group and version that the aggregated API serves. */
export const SERVED_VERSION = "projectcalico.org/v3";
/** The group and version that it keeps everything in. */
export const STORED_VERSION = "crd.projectcalico.org/v1";

// Calico's own aggregated API server has no storage for these two either (apiserver/pkg/registry/projectcalico).
const NOT_SERVED: ReadonlySet<string> = new Set(["IPAMBlock", "IPAMHandle"]);

/** The kinds that the aggregated API serves, by their plural in projectcalico.org/v3. */
export const SERVED_KINDS: ReadonlyMap<string, ServedKind> = new Map(
  KINDS.filter((info) => info.group === "crd" && !NOT_SERVED.has(info.kind)).map((info) => {
    const { kind, plural } = targetKind(info, SERVED_VERSION);
    return [plural, { info, kind, plural, storedKind: info.kind, storedPlural: info.plural }];
  }),
);
