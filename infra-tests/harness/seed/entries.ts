import type { JsonObject } from "../../../shared/json.ts";
import { Random } from "./random.ts";

/** One key of the datastore and its value. */
export interface SeedEntry {
  key: string;
  value: string;
}

/** What a v3 resource is made of. */
export interface SeedResource {
  kind: string;
  plural: string;
  namespace?: string;
  name: string;
  labels?: JsonObject;
  annotations?: JsonObject;
  spec: JsonObject;
  status?: JsonObject;
}

const RESOURCES = "/calico/resources/v3/projectcalico.org";
// The first resources of the made-up cluster are this old; each later one is a little younger.
const EPOCH_MS = Date.UTC(2024, 2, 1, 8);

/** The etcd entry of a v3 resource, with the metadata that Calico's API adds. */
export function resource({
  kind,
  plural,
  namespace,
  name,
  labels,
  annotations,
  spec,
  status,
}: SeedResource): SeedEntry {
  const path = namespace === undefined ? name : `${namespace}/${name}`;
  const random = new Random(plural, path);
  const created = new Date(EPOCH_MS + random.below(365 * 24 * 3600) * 1000);
  const value: JsonObject = {
    kind,
    apiVersion: "projectcalico.org/v3",
    metadata: {
      name,
      namespace,
      uid: random.uuid(),
      creationTimestamp: created.toISOString().replace(".000Z", "Z"),
      labels,
      annotations,
    },
    spec,
    status,
  };
  return { key: `${RESOURCES}/${plural}/${path}`, value: JSON.stringify(value) };
}

/** The numbers from 0 to `count` - 1. */
export function* range(count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield index;
}
