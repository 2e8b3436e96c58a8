import { orAbsent } from "../../../kubernetes/absent.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { FakeCluster } from "./fake-cluster.ts";
import { policy } from "./source.ts";
import { isAggregated } from "./whole.ts";

/** What users of Calico do to a policy. */
export interface UserWrite {
  name: string;
  act: "put" | "delete" | "recreate" | "label";
  /** Through which API. */
  via: "crd.projectcalico.org/v1" | "projectcalico.org/v3";
  order: number;
  /** Default: `shop`. */
  namespace?: string;
}

/** Makes the write; nothing through projectcalico.org/v3 once that is native, nor to what is not there. */
export async function writeAsUser(cluster: FakeCluster, write: UserWrite): Promise<void> {
  const { via, name, act, namespace = "shop" } = write;
  if (via === "projectcalico.org/v3" && !(await isAggregated(cluster))) return;
  const ref = { apiVersion: via, plural: "networkpolicies", namespace, name };
  const found = await orAbsent(cluster.get(ref));
  const made = policy(name, { order: write.order, types: ["Ingress"] });
  const object = { ...made, apiVersion: via, metadata: { ...objectAt(made, "metadata"), namespace } };
  if (found === undefined) {
    if (act !== "delete") await cluster.create(ref, object);
    return;
  }
  switch (act) {
    case "put":
      await cluster.replace(ref, { ...found, spec: { ...objectAt(found, "spec"), order: write.order } });
      return;
    case "label":
      await cluster.replace(ref, { ...found, metadata: labelled(found, write.order) });
      return;
    case "delete":
      await cluster.delete(ref);
      return;
    case "recreate":
      await cluster.delete(ref);
      await cluster.create(ref, object);
  }
}

function labelled(found: JsonObject, order: number): JsonObject {
  const metadata = objectAt(found, "metadata");
  const { labels } = metadata;
  return { ...metadata, labels: { ...(isJsonObject(labels) ? labels : {}), order: String(order) } };
}
