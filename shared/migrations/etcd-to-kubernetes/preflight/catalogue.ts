import type { Check } from "./check.ts";
import { access } from "./checks/access.ts";
import { allCarried } from "./checks/all-carried.ts";
import { calicoNode } from "./checks/calico-node.ts";
import { calicoVersion } from "./checks/calico-version.ts";
import { crdsEstablished } from "./checks/crds-established.ts";
import { crdsOfVersion } from "./checks/crds-of-version.ts";
import { etcdHistory } from "./checks/etcd-history.ts";
import { etcdHoldsCalico } from "./checks/etcd-holds-calico.ts";
import { etcdReachable } from "./checks/etcd-reachable.ts";
import { foreignOwners } from "./checks/foreign-owners.ts";
import { kubernetesVersion } from "./checks/kubernetes-version.ts";
import { lockRehearsal } from "./checks/lock-rehearsal.ts";
import { manifest } from "./checks/manifest.ts";
import { namesUnique } from "./checks/names-unique.ts";
import { nodesMapped } from "./checks/nodes-mapped.ts";
import { othersOnEtcd } from "./checks/others-on-etcd.ts";
import { referencesResolve } from "./checks/references-resolve.ts";
import { schemaAccepts } from "./checks/schema-accepts.ts";
import { serverAccepts } from "./checks/server-accepts.ts";
import { serverTried } from "./checks/server-tried.ts";
import { spelling } from "./checks/spelling.ts";
import { targetEmpty } from "./checks/target-empty.ts";
import { valuesValid } from "./checks/values-valid.ts";

/** Every check of this migration, in the order in which they run and are shown. */
export const CHECKS: readonly Check[] = [
  etcdReachable,
  etcdHoldsCalico,
  etcdHistory,
  calicoVersion,
  kubernetesVersion,
  manifest,
  crdsEstablished,
  crdsOfVersion,
  access,
  calicoNode,
  lockRehearsal,
  targetEmpty,
  foreignOwners,
  valuesValid,
  namesUnique,
  schemaAccepts,
  serverAccepts,
  serverTried,
  spelling,
  othersOnEtcd,
  nodesMapped,
  allCarried,
  referencesResolve,
];
