import { textAt } from "../../../../kubernetes/fields.ts";
import { datastoreType } from "../../manifest.ts";
import { type ConnectionCheck, fail, notApplicable, pass } from "../check.ts";

/** The manifest for the switch is one, and is for the Kubernetes datastore. */
export const manifest: ConnectionCheck = {
  id: "manifest",
  title: "the manifest parses, and makes calico-node use the Kubernetes datastore",
  severity: "blocking",
  fix: "Start again with the Calico manifest for the Kubernetes datastore (DATASTORE_TYPE is kubernetes) in --manifest: a run keeps the one that it was started with.",
  phase: "connections",
  run: async (facts, context) => {
    if (context.options.manifest === undefined)
      return notApplicable("no manifest is given: a person will switch");
    const objects = await facts.manifest();
    const calicoNode = objects.find(
      (object) => object["kind"] === "DaemonSet" && textAt(object, "metadata", "name") === "calico-node",
    );
    if (calicoNode === undefined) return fail("the manifest has no DaemonSet calico-node");
    const type = datastoreType(calicoNode);
    if (type === "kubernetes") return pass(`${objects.length} objects`);
    return fail(`the manifest's calico-node has DATASTORE_TYPE ${type ?? "unset"}, not kubernetes`);
  },
};
