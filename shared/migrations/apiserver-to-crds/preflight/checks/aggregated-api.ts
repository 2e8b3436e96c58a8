import type { JsonObject } from "../../../../json.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { block, type Check, pass, warn } from "../check.ts";

/** projectcalico.org/v3 is served out of the old group. */
export const aggregatedApi: Check = {
  id: "aggregated-api",
  title: "the APIService v3.projectcalico.org belongs to an aggregated API server that answers",
  why: "It is removed in the lock window and put back on abort. Where projectcalico.org/v3 is served by CRDs already, objects written there are not what Calico uses. While a broken API server serves it, Kubernetes cannot find the parameter kind of Calico's mutating admission policies, and refuses every policy that is written.",
  severity: "blocking",
  fix: "Mend calico-apiserver (its Service, its pods, its certificate), then start again.",
  judge: ({ apiService: { served, available, message, object }, admissionPolicies }) => {
    switch (served) {
      case "absent":
        return warn("there is no APIService v3.projectcalico.org: no API server has to be removed", {
          next: "Nothing has to be done if that is known.",
        });
      case "automanaged":
        return warn("projectcalico.org/v3 is served by CRDs, not by an aggregated API server", {
          next: "Make sure that Calico uses the old group, and that nobody has taken the native objects for what Calico uses.",
        });
      case "aggregated": {
        const service = serviceOf(object ?? {});
        if (available) return pass(`it is served by ${service}`);
        const broken = `${service} does not serve it: ${message}`;
        if (admissionPolicies.length === 0)
          return warn(
            `${broken}. The migration does without: it reads crd.projectcalico.org/v1, and creates admission policies once the API server is gone`,
            {
              next: "Nothing has to be done. Who uses projectcalico.org/v3 gets no answer until the unlock.",
            },
          );
        return block(
          `${broken}; and Calico's mutating admission policies are there, so that no policy can be written`,
          {
            items: [...admissionPolicies],
            next: "Mend calico-apiserver, or delete these admission policies and their bindings: the migration creates them again from --crds.",
          },
        );
      }
    }
  },
};

function serviceOf(apiService: JsonObject): string {
  const service = objectAt(apiService, "spec", "service");
  return `${textAt(service, "namespace")}/${textAt(service, "name")}`;
}
