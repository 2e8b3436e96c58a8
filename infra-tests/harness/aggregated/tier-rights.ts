import type { IncomingMessage } from "node:http";
import type { JsonObject } from "../../../shared/json.ts";
import { textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../api.ts";
import { type Answer, failure } from "./answers.ts";
import type { Operations, Target } from "./operations.ts";

const GROUP = "projectcalico.org";
/** Whoever is of it may do everything, so that nothing has to be asked. */
const ADMINS = "system:masters";

/** Carries out writes as upstream's API server does: only for users who have rights on the policy's tier. */
export class TierRights {
  readonly #api: TestApi;
  readonly #operations: Operations;

  constructor(api: TestApi, operations: Operations) {
    this.#api = api;
    this.#operations = operations;
  }

  /** The operations for the user of a request, who is told by the API server that hands it on. */
  for({
    headers,
  }: IncomingMessage): Pick<Operations, "get" | "list" | "create" | "update" | "patch" | "delete"> {
    const all = this.#operations;
    const user = String(headers["x-remote-user"] ?? "");
    const groups = [headers["x-remote-group"] ?? []].flat().flatMap((one) => one.split(", "));
    if (user === "" || groups.includes(ADMINS)) return all;
    const guarded = async (verb: string, target: Target, act: () => Promise<Answer>): Promise<Answer> => {
      const refused = await this.#refused({ user, groups }, verb, target, await this.#storedTier(target));
      return refused ?? act();
    };
    return {
      get: (target) => all.get(target),
      list: (target) => all.list(target),
      create: async (target, body) =>
        (await this.#refused({ user, groups }, "create", { ...target, name: nameOf(body) }, tierOf(body))) ??
        all.create(target, body),
      update: (target, body) => guarded("update", target, () => all.update(target, body)),
      patch: (target, body) => guarded("patch", target, () => all.patch(target, body)),
      delete: (target, body) => guarded("delete", target, () => all.delete(target, body)),
    };
  }

  async #storedTier(target: Target): Promise<string> {
    return tierOf((await this.#operations.get({ ...target, query: "" })).body);
  }

  async #refused(
    who: { user: string; groups: string[] },
    verb: string,
    { served, namespace, name }: Target,
    tier: string,
  ): Promise<Answer | undefined> {
    if (!served.info.tiered) return undefined;
    const policies = {
      resource: `tier.${served.plural}`,
      verb,
      ...(namespace === undefined ? {} : { namespace }),
    };
    const mayGet = await this.#may(who, { resource: "tiers", verb: "get", name: tier });
    const mayWrite =
      (await this.#may(who, { ...policies, name: `${tier}.*` })) ||
      (await this.#may(who, { ...policies, name: name ?? "" }));
    return mayGet && mayWrite
      ? undefined
      : failure(403, `${who.user} may not ${verb} policies of the tier ${tier}`);
  }

  async #may({ user, groups }: { user: string; groups: string[] }, asked: JsonObject): Promise<boolean> {
    const spec = { user, groups, resourceAttributes: { group: GROUP, ...asked } };
    const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
    const { status } = await mustRequest(this.#api, "POST", path, review);
    return status !== null && typeof status === "object" && "allowed" in status && status["allowed"] === true;
  }
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}

function tierOf(object: JsonObject): string {
  return textAt(object, "spec", "tier") || "default";
}
