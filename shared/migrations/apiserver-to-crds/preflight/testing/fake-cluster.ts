import type { TestContext } from "node:test";
import { crdName, KINDS } from "../../../../calico/kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { AdaptiveLimiter } from "../../../../kubernetes/limiter.ts";
import { connectFake } from "../../../../kubernetes/testing/connect-fake.ts";
import type { FakeApiServer } from "../../../../kubernetes/testing/fake-api-server.ts";
import type { KubernetesApi, ObjectRef, ResourceRef } from "../../../../kubernetes/types.ts";
import type { Cluster } from "../gather/cluster.ts";

/** Says whether a user may do what a SubjectAccessReview asks. */
type Allows = (user: string, attributes: JsonObject) => boolean;

/** How a fake cluster answers. */
interface FakeClusterOptions {
  /** Versions of groups, with the kinds and plurals that they have: `{"a.org/v1": {Thing: "things"}}`. */
  serves?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What the user of this connection may. Default: everything. */
  mayUser?: (attributes: JsonObject) => boolean;
  /** What others may. Default: everything. */
  mayOthers?: Allows;
}

/** An in-process API server of Kubernetes 1.36.1, what looking at it needs, and a way to put objects there. */
export interface FakeCluster extends Cluster {
  fake: FakeApiServer;
  put(ref: ResourceRef, ...objects: JsonObject[]): Promise<void>;
}

/** A cluster that ends with the test. */
export async function startFakeCluster(
  test: TestContext,
  { serves = {}, mayUser = () => true, mayOthers = () => true }: FakeClusterOptions = {},
): Promise<FakeCluster> {
  const { client, fake } = await connectFake(test, { documents: documentsOf(serves), allows: mayUser });
  fake.inject({
    path: "/version",
    times: Infinity,
    answer: { status: 200, body: { gitVersion: "v1.36.1" } },
  });
  return {
    kubernetes: reviewing(client, mayOthers),
    limiter: new AdaptiveLimiter(),
    fake,
    put: async (ref, ...objects) => {
      for (const object of objects) await client.create(ref, object);
    },
  };
}

/** A CRD of Calico as an API server has it. */
export function storedCrd(name: string, metadata: JsonObject = {}): JsonObject {
  const [plural = "", ...group] = name.split(".");
  const version = { name: group[0] === "crd" ? "v1" : "v3", served: true, storage: true, schema: {} };
  const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
  return {
    metadata: { name, ...metadata },
    spec: { group: group.join("."), names: { plural }, versions: [version] },
    status: { conditions, storedVersions: [version.name] },
  };
}

/** The names of the CRDs of both groups. */
export function bothGroups(): string[] {
  return KINDS.flatMap(({ kind }) =>
    (["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const).map((group) => crdName(kind, group)),
  ).filter((name) => name !== undefined);
}

/** A workload as an API server has it. */
export function storedWorkload(ref: ObjectRef, container: JsonObject, pod: JsonObject = {}): JsonObject {
  const { namespace = "", name } = ref;
  return {
    metadata: { name, namespace },
    spec: { template: { spec: { serviceAccountName: name, containers: [{ name, ...container }], ...pod } } },
  };
}

function documentsOf(serves: NonNullable<FakeClusterOptions["serves"]>): Record<string, JsonObject> {
  const documents: Record<string, JsonObject> = { "/apis": { groups: [] }, "/api/v1": { resources: [] } };
  for (const [apiVersion, kinds] of Object.entries(serves)) {
    const [group = "", version = ""] = apiVersion.split("/");
    const path = `/apis/${group}`;
    const before = documents[path]?.["versions"];
    const versions = [...(Array.isArray(before) ? before : []), { groupVersion: apiVersion, version }];
    documents[path] = { versions, preferredVersion: versions[0] };
    documents[`/apis/${apiVersion}`] = {
      resources: Object.entries(kinds).map(([kind, name]) => ({ kind, name, verbs: ["list", "patch"] })),
    };
  }
  return documents;
}

/** The fake knows reviews of the connection's own rights alone. */
function reviewing(client: KubernetesApi, mayOthers: Allows): KubernetesApi {
  return {
    request: (request) => client.request(request),
    get: (ref, options) => client.get(ref, options),
    list: (ref, options) => client.list(ref, options),
    pages: (ref, options) => client.pages(ref, options),
    changes: (ref, options) => client.changes(ref, options),
    create: (ref, object, options) =>
      ref.plural === "subjectaccessreviews"
        ? Promise.resolve({ status: { allowed: allowed(object, mayOthers) } })
        : client.create(ref, object, options),
    replace: (ref, object, options) => client.replace(ref, object, options),
    patch: (ref, body, options) => client.patch(ref, body, options),
    delete: (ref, options) => client.delete(ref, options),
  };
}

function allowed(review: JsonObject, mayOthers: Allows): boolean {
  const { user, resourceAttributes } = review["spec"] as { user: string; resourceAttributes: JsonObject };
  return mayOthers(user, resourceAttributes);
}
