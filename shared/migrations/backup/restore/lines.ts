import { z } from "zod";
import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";

/** A key of etcd as a backup keeps it. */
export const KeyLine = z.strictObject({
  key: z.string().startsWith(CALICO_PREFIX, `must begin with ${CALICO_PREFIX}`),
  value: z.base64(),
  modRevision: z.int(),
});
export type KeyLine = z.infer<typeof KeyLine>;

/** The resources that a backup may hold, so that no file can bring anything else into a cluster: no role, no Secret. */
const RESOURCES: readonly (readonly [apiVersion: RegExp, plurals: RegExp])[] = [
  [/^(crd\.)?projectcalico\.org\/v[0-9a-z]+$/, /^[a-z]+$/],
  [/^apiextensions\.k8s\.io\/v1$/, /^customresourcedefinitions$/],
  [/^v1$/, /^nodes$/],
  [/^apps\/v1$/, /^(daemonsets|deployments)$/],
  [/^admissionregistration\.k8s\.io\/v[0-9a-z]+$/, /^(mutating|validating)admissionpolic(ies|ybindings)$/],
  [/^apiregistration\.k8s\.io\/v1$/, /^apiservices$/],
];

const Named = z
  .custom<JsonObject>(isJsonObject, "must be an object")
  .refine((object) => isJsonObject(object.metadata) && typeof object.metadata.name === "string", {
    message: "must have metadata.name",
    path: ["metadata", "name"],
  });

/** An object of Kubernetes as a backup keeps it. */
export const ObjectLine = z
  .strictObject({ ref: z.strictObject({ apiVersion: z.string(), plural: z.string() }), object: Named })
  .refine(
    ({ ref }) => RESOURCES.some(([group, plurals]) => group.test(ref.apiVersion) && plurals.test(ref.plural)),
    {
      message: "is no resource that a backup holds",
      path: ["ref"],
    },
  )
  .refine(({ ref, object }) => object.apiVersion === undefined || object.apiVersion === ref.apiVersion, {
    message: "must be that of the resource",
    path: ["object", "apiVersion"],
  });
export type ObjectLine = z.infer<typeof ObjectLine>;
