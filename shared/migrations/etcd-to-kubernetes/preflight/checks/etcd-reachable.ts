import { type ConnectionCheck, fail, pass } from "../check.ts";

/** etcd answers and has a leader. */
export const etcdReachable: ConnectionCheck = {
  id: "etcd-reachable",
  title: "etcd answers and has a leader",
  severity: "blocking",
  fix: "Mend etcd or the way to it, then `resume`; where --etcd-endpoints or the certificates are wrong, start again with the right ones.",
  phase: "connections",
  run: async (facts) => {
    const { version, leader, revision } = await facts.etcdStatus();
    if (!leader) return fail(`etcd ${version} has no leader`);
    return pass(`etcd ${version} at revision ${revision}`);
  },
};
