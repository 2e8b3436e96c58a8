import { unknownVersion } from "../../../../calico/versions/rules.ts";
import { versionText } from "../../../../calico/versions/version.ts";
import type { FoundVersion } from "../../calico-versions.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** Which Calico will use the target, and which uses etcd: names, labels and fields are written as these versions do. */
export const calicoVersion: ConnectionCheck = {
  id: "calico-version",
  title: "the versions of Calico on both sides are known",
  severity: "warning",
  fix: "Start again with --calico-version, which says what version of Calico will use the Kubernetes datastore. With one that is beyond those that are known, look at the plan with care.",
  phase: "connections",
  run: async (facts) => {
    const target = await facts.targetVersion();
    const etcd = await facts.etcdVersion();
    const both = `target: Calico ${found(target)}; etcd: ${etcd === undefined ? "unknown" : `Calico ${found(etcd)}`}`;
    const problems = [
      target.isGuess === true ? "the target's is a guess" : undefined,
      unknownVersion(target.version),
      etcd === undefined ? undefined : unknownVersion(etcd.version),
    ].filter((problem) => problem !== undefined);
    if (problems.length === 0) return pass(both);
    return fail(`${both}; ${[...new Set(problems)].join("; ")}`);
  },
};

function found({ version, from }: FoundVersion): string {
  return `${versionText(version)} (${from})`;
}
