import { z } from "zod";
import { type ConnectionCheck, fail, notApplicable, pass, unknown } from "../check.ts";

const ClusterInformation = z.object({ spec: z.object({ calicoVersion: z.string().optional() }) });
const OLDEST = [3, 0] as const;
const NEWEST_TRIED = [3, 34] as const;

/** The data model of the source is one that this version knows. */
export const calicoVersion: ConnectionCheck = {
  id: "calico-version",
  title: "the source's Calico has the v3 data model, in a version that was tried",
  severity: "warning",
  fix: "Upgrade Calico to version 3 first; with a newer one than was tried, look at the plan with care.",
  phase: "connections",
  run: async (facts) => {
    const found = await facts.clusterInformation();
    if (found === undefined) return notApplicable("etcd holds no ClusterInformation");
    const parsed = ClusterInformation.safeParse(parseJson(found.value));
    const text = parsed.success ? parsed.data.spec.calicoVersion : undefined;
    const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text ?? "") ?? [];
    if (text === undefined || major === undefined)
      return unknown("ClusterInformation names no Calico version");
    const version = [Number(major), Number(minor)] as const;
    if (isBefore(version, OLDEST)) return fail(`Calico ${text} is older than 3.0`);
    if (isBefore(NEWEST_TRIED, version)) return fail(`Calico ${text} is newer than what was tried (3.34)`);
    return pass(`Calico ${text}`);
  },
};

function isBefore(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
