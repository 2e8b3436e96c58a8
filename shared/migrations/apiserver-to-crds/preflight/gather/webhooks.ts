import { kindByPlural } from "../../../../calico/kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { orAbsent } from "../../../../kubernetes/absent.ts";
import { objectAt, objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import { SECOND_VERSION } from "../../../../kubernetes/second-version.ts";
import type { WebhookFact } from "../facts.ts";
import { type Cluster, objectsOf, sender } from "./cluster.ts";
import { textsAt } from "./texts.ts";

const API = "admissionregistration.k8s.io/v1";
const GROUP = "projectcalico.org";
/** Where Calico's webhook answers about rights by tier. (webhooks/pkg/rbac) */
const TIER_RIGHTS = "/rbac";
const WRITES = ["CREATE", "UPDATE", "DELETE"];

/** The webhooks that are asked about writes to the native group. */
export async function gatherWebhooks(cluster: Cluster): Promise<WebhookFact[]> {
  const found: WebhookFact[] = [];
  for (const plural of ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]) {
    for await (const configuration of objectsOf(cluster, { apiVersion: API, plural })) {
      for (const webhook of objectsAt(configuration, "webhooks").filter(isAsked)) {
        found.push(await webhookFact(cluster, textAt(configuration, "metadata", "name"), webhook));
      }
    }
  }
  return found;
}

async function webhookFact(
  cluster: Cluster,
  configuration: string,
  webhook: JsonObject,
): Promise<WebhookFact> {
  const service = objectAt(webhook, "clientConfig", "service");
  const namespace = textAt(service, "namespace");
  const name = textAt(service, "name");
  return {
    configuration,
    name: textAt(webhook, "name"),
    guardsClusterInformation: objectsAt(webhook, "rules").some(namesClusterInformation),
    guardsTiers: textAt(service, "path") === TIER_RIGHTS,
    failsClosed: webhook["failurePolicy"] !== "Ignore",
    service: name === "" ? undefined : `${namespace}/${name}`,
    reachable: name === "" || (await serviceExists(cluster, namespace, name)),
  };
}

async function serviceExists(cluster: Cluster, namespace: string, name: string): Promise<boolean> {
  const ref = { apiVersion: "v1", plural: "services", namespace, name };
  const { signal } = cluster;
  return (await orAbsent(sender(cluster)((api) => api.get(ref, { signal })))) !== undefined;
}

/** With matchPolicy Equivalent, the default, a rule for one version is asked about the others as well. */
function isAsked(webhook: JsonObject): boolean {
  const exact = webhook["matchPolicy"] === "Exact";
  return objectsAt(webhook, "rules").some(
    (rule) =>
      has(rule, "apiGroups", [GROUP]) &&
      (exact ? has(rule, "apiVersions", ["v3", SECOND_VERSION]) : true) &&
      has(rule, "operations", WRITES) &&
      textsAt(rule, "resources").some(isCalicoResource),
  );
}

function isCalicoResource(resource: string): boolean {
  const [plural = ""] = resource.split("/");
  return plural === "*" || kindByPlural(plural)?.group === "crd";
}

function namesClusterInformation(rule: JsonObject): boolean {
  return (
    textsAt(rule, "apiGroups").includes(GROUP) && textsAt(rule, "resources").includes("clusterinformations")
  );
}

function has(rule: JsonObject, member: string, values: readonly string[]): boolean {
  const listed = textsAt(rule, member);
  return listed.includes("*") || values.some((value) => listed.includes(value));
}
