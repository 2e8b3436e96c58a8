import { type ConnectionCheck, fail, pass } from "../check.ts";

/** etcd keeps the history that pinning a revision needs. */
export const etcdHistory: ConnectionCheck = {
  id: "etcd-history",
  title: "etcd keeps the history since the revision that is read",
  severity: "warning",
  fix: "Nothing is lost: where history is gone, every revision is compared. A longer retention makes catching up faster.",
  phase: "connections",
  run: async (facts) => {
    const { revision } = await facts.etcdStatus();
    const compacted = await facts.compactRevision();
    if (compacted >= revision) return fail(`etcd has compacted everything below revision ${compacted}`);
    return pass(compacted === 0 ? "nothing was compacted" : `history is kept since revision ${compacted}`);
  },
};
