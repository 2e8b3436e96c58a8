import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { crdName, KINDS, type KindInfo, targetKind, type TargetGroup } from "../../shared/calico/kinds.ts";
import { isJsonObject, type JsonObject } from "../../shared/json.ts";
import { mustRequest, type TestApi } from "./api.ts";
import { CONFIGURATION_SPECS } from "./crd-configuration.ts";
import { hasStatusSubresource, kindsWithoutCrd, specOfGeneration } from "./crd-generations.ts";
import { IPAM_SPECS_V1, IPAM_SPECS_V3 } from "./crd-ipam.ts";
import { POLICY_SPECS } from "./crd-policies.ts";
import type { KubernetesHandle } from "./kubernetes.ts";
import { inParallel } from "./parallel.ts";
import { waitUntil } from "./wait.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** A folder of Calico's own CRD manifests to test against instead of the test bed's. */
const CRD_FOLDER_VARIABLE = "CALICO_MIGRATOR_TEST_CRDS";

/**
 * The CustomResourceDefinitions of one of Calico's groups, with structural schemas that default, validate and prune
 * like Calico's where migrated data can tell: from the test bed's own table, or from the folder of manifests that
 * CALICO_MIGRATOR_TEST_CRDS names. With a generation, those of that version of Calico, from the table.
 */
export function calicoCrds(group: TargetGroup, generation?: string): JsonObject[] {
  if (generation !== undefined) return crdsOfGeneration(group, generation);
  const folder = process.env[CRD_FOLDER_VARIABLE] ?? "";
  return folder === "" ? CRD_KINDS.map((info) => crd(info, group)) : readCrds(folder, group);
}

const CRD_KINDS = KINDS.filter((info) => info.group === "crd");

function crdsOfGeneration(group: TargetGroup, generation: string): JsonObject[] {
  const missing = kindsWithoutCrd(generation);
  return CRD_KINDS.filter(({ kind }) => !missing.has(kind)).map((info) =>
    crd(
      info,
      group,
      specOfGeneration(info.kind, specSchema(targetKind(info, group).kind, group), generation),
      hasStatusSubresource(info.kind, group, generation),
    ),
  );
}

/** Applies the CRDs of a group to a cluster and waits until every one of them is established. */
export async function installCrds(
  handle: KubernetesHandle,
  group: TargetGroup,
  generation?: string,
): Promise<void> {
  const names = calicoCrds(group, generation).map((each) => ({
    name: nameOf(each),
    body: JSON.stringify(each),
  }));
  const contentType = "application/apply-patch+yaml";
  await inParallel(names, 8, async ({ name, body }) => {
    const query = "fieldManager=test-bed&force=true";
    await mustRequest(handle.api, "PATCH", `${CRDS}/${name}?${query}`, body, { contentType });
  });
  await inParallel(names, 8, ({ name }) => established(handle.api, name));
}

async function established(api: TestApi, name: string): Promise<void> {
  await waitUntil({ what: `${name} is established`, timeoutMs: 60_000 }, async () => {
    const { status } = await mustRequest(api, "GET", `${CRDS}/${name}`);
    const conditions =
      isJsonObject(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
    return conditions.some(
      (each) => isJsonObject(each) && each["type"] === "Established" && each["status"] === "True",
    );
  });
}

function crd(info: KindInfo, group: TargetGroup, spec?: JsonObject, hasStatus = true): JsonObject {
  const [groupName = "", version = ""] = group.split("/");
  const { kind, plural } = targetKind(info, group);
  const versionSchema = {
    name: version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: rootSchema(info, spec ?? specSchema(kind, group)) },
    ...(info.statusSubresource && hasStatus ? { subresources: { status: {} } } : {}),
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: crdName(kind, group) },
    spec: {
      group: groupName,
      scope: info.namespaced ? "Namespaced" : "Cluster",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [versionSchema],
    },
  };
}

// What controllers report is of no interest to a migration, so status is left open.
function rootSchema(info: KindInfo, spec: JsonObject): JsonObject {
  const status = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    type: "object",
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec,
      ...(info.statusSubresource ? { status } : {}),
    },
  };
}

function specSchema(kind: string, group: TargetGroup): JsonObject {
  const ipam = group === "projectcalico.org/v3" ? IPAM_SPECS_V3 : IPAM_SPECS_V1;
  const schema = POLICY_SPECS[kind] ?? CONFIGURATION_SPECS[kind] ?? ipam[kind];
  if (schema === undefined) throw new Error(`the test bed has no schema for ${kind} of ${group}`);
  return schema;
}

function readCrds(folder: string, group: TargetGroup): JsonObject[] {
  const [groupName] = group.split("/");
  const found = readdirSync(folder)
    .filter((file) => /\.ya?ml$/.test(file))
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), "utf8")))
    .map((document): unknown => document.toJS())
    .filter(isJsonObject)
    .filter(
      ({ kind, spec }) =>
        kind === "CustomResourceDefinition" && isJsonObject(spec) && spec["group"] === groupName,
    );
  if (found.length === 0) throw new Error(`${CRD_FOLDER_VARIABLE}: no CRD of ${group} in ${folder}`);
  return found;
}

function nameOf(object: JsonObject): string {
  const { metadata } = object;
  return isJsonObject(metadata) && typeof metadata["name"] === "string" ? metadata["name"] : "";
}
