import { KINDS, targetKind } from "../../../../calico/kinds.ts";
import { objectAt } from "../../../../kubernetes/fields.ts";
import { mapLimited } from "../../../../kubernetes/limiter.ts";
import { orAbsent } from "../../../../kubernetes/absent.ts";
import { calicoNodes } from "../components.ts";
import type { AccountFact, Workload } from "../facts.ts";
import { type Cluster, sender } from "./cluster.ts";

const REVIEWS = { apiVersion: "authorization.k8s.io/v1", plural: "subjectaccessreviews" };
const VERBS = ["list", "watch", "create", "update", "delete"];
/** These use Calico's data; what else runs in its workloads does not. */
const USERS: ReadonlySet<string> = new Set(["calico-node", "calico-typha", "calico-kube-controllers"]);
/** The account whose token calico-node writes for the CNI plugin, since Calico 3.26; IPAM runs with it. */
const CNI_PLUGIN = "calico-cni-plugin";

interface Account {
  namespace: string;
  name: string;
}

/** A resource as each group names it, and what is done with it. */
interface Right {
  verb: string;
  oldPlural: string;
  plural: string;
}

const RIGHTS: readonly Right[] = KINDS.filter(({ group }) => group === "crd").flatMap((info) =>
  VERBS.map((verb) => ({
    verb,
    oldPlural: info.plural,
    plural: targetKind(info, "projectcalico.org/v3").plural,
  })),
);

/**
 * What each service account of Calico may do in crd.projectcalico.org and may not do in projectcalico.org: whatever
 * Calico's version needs, the old rights say it.
 */
export async function gatherAccounts(
  cluster: Cluster,
  workloads: readonly Workload[],
): Promise<AccountFact[]> {
  const facts: AccountFact[] = [];
  for (const account of await accountsOf(cluster, workloads)) {
    const asked = await mapLimited(
      RIGHTS,
      cluster.limiter,
      (right) => isMissing(cluster, account, right),
      cluster.signal,
    );
    const missing = RIGHTS.filter((_, index) => asked[index]).map(({ verb, plural }) => `${verb} ${plural}`);
    facts.push({ account: `${account.namespace}/${account.name}`, missing });
  }
  return facts;
}

async function accountsOf(cluster: Cluster, workloads: readonly Workload[]): Promise<Account[]> {
  const accounts = new Map<string, Account>();
  const add = (namespace: string, name: string): unknown =>
    accounts.set(`${namespace}/${name}`, { namespace, name });
  for (const { name, namespace, serviceAccount } of workloads)
    if (USERS.has(name)) add(namespace, serviceAccount);
  const { signal } = cluster;
  for (const { namespace } of calicoNodes(workloads)) {
    const ref = { apiVersion: "v1", plural: "serviceaccounts", namespace, name: CNI_PLUGIN };
    const found = await orAbsent(sender(cluster)((api) => api.get(ref, { signal })));
    if (found !== undefined) add(namespace, CNI_PLUGIN);
  }
  return [...accounts.values()];
}

async function isMissing(
  cluster: Cluster,
  account: Account,
  { verb, oldPlural, plural }: Right,
): Promise<boolean> {
  const old = { group: "crd.projectcalico.org", resource: oldPlural, verb };
  if (!(await isAllowed(cluster, account, old))) return false;
  return !(await isAllowed(cluster, account, { group: "projectcalico.org", resource: plural, verb }));
}

/** Runs inside the limiter already. */
async function isAllowed(
  { kubernetes, signal }: Cluster,
  { namespace, name }: Account,
  resourceAttributes: { group: string; resource: string; verb: string },
): Promise<boolean> {
  const spec = {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    resourceAttributes,
  };
  const review = { apiVersion: REVIEWS.apiVersion, kind: "SubjectAccessReview", spec };
  const answer = await kubernetes.create(REVIEWS, review, { signal });
  return objectAt(answer, "status")["allowed"] === true;
}
