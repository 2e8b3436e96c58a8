import type { Check } from "./check.ts";
import { access } from "./checks/access.ts";
import { admissionPolicies } from "./checks/admission-policies.ts";
import { aggregatedApi } from "./checks/aggregated-api.ts";
import { apiServerDuties } from "./checks/api-server-duties.ts";
import { builtInTiers } from "./checks/built-in-tiers.ts";
import { clusterInformation } from "./checks/cluster-information.ts";
import { compatibility } from "./checks/compatibility.ts";
import { componentAccess } from "./checks/component-access.ts";
import { componentVersions } from "./checks/component-versions.ts";
import { crdOwners } from "./checks/crd-owners.ts";
import { finalizers } from "./checks/finalizers.ts";
import { foreignDependants } from "./checks/foreign-dependants.ts";
import { gitops } from "./checks/gitops.ts";
import { installer } from "./checks/installer.ts";
import { kindsConvertible } from "./checks/kinds-convertible.ts";
import { leftOut } from "./checks/left-out.ts";
import { lockRehearsal } from "./checks/lock-rehearsal.ts";
import { mirrorStatus } from "./checks/mirror-status.ts";
import { namesUnique } from "./checks/names-unique.ts";
import { namespacesThere } from "./checks/namespaces-there.ts";
import { nativeCrds } from "./checks/native-crds.ts";
import { nativeWriters } from "./checks/native-writers.ts";
import { objectsConvertible } from "./checks/objects-convertible.ts";
import { oldGroup } from "./checks/old-group.ts";
import { oldGroupInUse } from "./checks/old-group-in-use.ts";
import { otherRuns } from "./checks/other-runs.ts";
import { policyNames } from "./checks/policy-names.ts";
import { policyTypes } from "./checks/policy-types.ts";
import { quotas } from "./checks/quotas.ts";
import { schemaAccepts } from "./checks/schema-accepts.ts";
import { upstreamMigration } from "./checks/upstream-migration.ts";
import { webhooks } from "./checks/webhooks.ts";

/** Every check of this migration, in the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  oldGroup,
  oldGroupInUse,
  upstreamMigration,
  mirrorStatus,
  compatibility,
  installer,
  componentVersions,
  admissionPolicies,
  nativeCrds,
  otherRuns,
  kindsConvertible,
  objectsConvertible,
  schemaAccepts,
  namesUnique,
  namespacesThere,
  quotas,
  leftOut,
  crdOwners,
  access,
  componentAccess,
  aggregatedApi,
  apiServerDuties,
  clusterInformation,
  builtInTiers,
  policyNames,
  finalizers,
  policyTypes,
  gitops,
  webhooks,
  lockRehearsal,
  nativeWriters,
  foreignDependants,
];
