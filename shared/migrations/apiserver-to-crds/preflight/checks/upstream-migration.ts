import { calicoVersion } from "../components.ts";
import { block, type Check, pass } from "../check.ts";
import { isMirrorName } from "../../mirror/name.ts";
import { upstreamDefects } from "../upstream-defects.ts";

/** Nobody else migrates this cluster. */
export const upstreamMigration: Check = {
  id: "upstream-migration",
  title: "there is no DatastoreMigration in the cluster",
  why: "kube-controllers migrates by itself as soon as there is one, and the operator follows the first that it finds: two that lock and copy at the same time lose data.",
  severity: "blocking",
  fix: "Let it finish: this program does not supervise upstream's controller. Deleting it stops the migration, and deletes the old CRDs where it is Complete: make a backup first.",
  judge: ({ migrations, workloads }) => {
    if (migrations.length === 0) return pass("there is none");
    const named = migrations.map(({ name, phase }) => `${name} (phase ${phase === "" ? "Pending" : phase})`);
    if (migrations.every(({ name }) => isMirrorName(name)))
      return block(`there is DatastoreMigration ${named.join(", ")}, which shows a run of calico-migrator`, {
        items: named,
        next: "See with `calico-migrator get`, in the store that it was started in, that the run has ended; then `kubectl delete datastoremigration` it, which deletes nothing else.",
      });
    const version = calicoVersion(workloads);
    const defects = upstreamDefects(version);
    const known =
      defects.length === 0
        ? ""
        : `. Known defects of Calico ${version ?? ""}'s controller: ${defects.join("; ")}`;
    return block(`there is DatastoreMigration ${named.join(", ")}${known}`, { items: named });
  },
};
