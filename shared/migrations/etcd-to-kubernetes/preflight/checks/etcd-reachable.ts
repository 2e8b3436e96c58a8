import { type ConnectionCheck, fail, pass } from "../check.ts";

/** etcd answers and has a leader. */
export const etcdReachable: ConnectionCheck = {
  id: "etcd-reachable",
  title: "etcd answers and has a leader",
  severity: "blocking",
  fix: "Check --etcd-endpoints and the certificates, and the health of etcd.",
  phase: "connections",
  run: async (facts) => {
    const { version, leader, revision } = await facts.etcdStatus();
    if (!leader) return fail(`etcd ${version} has no leader`);
    return pass(`etcd ${version} at revision ${revision}`);
  },
};
