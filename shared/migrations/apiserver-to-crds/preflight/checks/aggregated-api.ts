import type { JsonObject } from "../../../../json.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { type Check, pass, warn } from "../check.ts";

/** projectcalico.org/v3 is served out of the old group. */
export const aggregatedApi: Check = {
  id: "aggregated-api",
  title: "the APIService v3.projectcalico.org belongs to an aggregated API server that answers",
  why: "It is removed in the lock window and put back on abort. Where projectcalico.org/v3 is served by CRDs already, objects written there are not what Calico uses.",
  severity: "warning",
  fix: "Nothing has to be done if that is known. Otherwise mend calico-apiserver first.",
  judge: ({ apiService: { served, available, message, object } }) => {
    switch (served) {
      case "absent":
        return warn("there is no APIService v3.projectcalico.org: no API server has to be removed");
      case "automanaged":
        return warn("projectcalico.org/v3 is served by CRDs, not by an aggregated API server");
      case "aggregated": {
        const service = serviceOf(object ?? {});
        return available
          ? pass(`it is served by ${service}`)
          : warn(`${service} does not serve it: ${message}`);
      }
    }
  },
};

function serviceOf(apiService: JsonObject): string {
  const service = objectAt(apiService, "spec", "service");
  return `${textAt(service, "namespace")}/${textAt(service, "name")}`;
}
