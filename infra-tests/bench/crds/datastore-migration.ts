import type { JsonObject } from "../../../shared/json.ts";

const GROUP = "migration.projectcalico.org";

/** Where upstream's controller is told to migrate. */
export const MIGRATIONS = `/apis/${GROUP}/v1/datastoremigrations`;

/** What tells it so; it looks at no other name. */
export const MIGRATION: JsonObject = {
  apiVersion: `${GROUP}/v1`,
  kind: "DatastoreMigration",
  metadata: { name: "v1-to-v3" },
  spec: { type: "APIServerToCRDs" },
};

/** As much of the CRD of DatastoreMigration as upstream's controller needs; it does nothing before the CRD is there. */
export function datastoreMigrationCrd(): JsonObject {
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const version = {
    name: "v1",
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `datastoremigrations.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Cluster",
      names: { kind: "DatastoreMigration", plural: "datastoremigrations", singular: "datastoremigration" },
      versions: [version],
    },
  };
}
