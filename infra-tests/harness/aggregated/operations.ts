import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { resourcePath } from "../../../shared/kubernetes/paths.ts";
import type { TestApi } from "../api.ts";
import { type Answer, failure } from "./answers.ts";
import { SERVED_VERSION, type ServedKind, STORED_VERSION } from "./kinds.ts";
import { mergePatch } from "./merge-patch.ts";
import { otherUid, Unreadable } from "./metadata.ts";
import { shown, stored } from "./objects.ts";

/** What a request is about: one object, or all of a kind. */
export interface Target {
  served: ServedKind;
  namespace?: string | undefined;
  name?: string | undefined;
  /** The query to hand on, with its "?"; "" without one. */
  query: string;
}

// What a patch without a resourceVersion retries when somebody else writes in between, as generic API servers do.
const PATCH_ATTEMPTS = 5;

/** The path of the object, or of the collection, in the old group. */
export function storedPath({ served, namespace, name, query }: Target): string {
  const ref = { apiVersion: STORED_VERSION, plural: served.storedPlural, name };
  return resourcePath(namespace === undefined ? ref : { ...ref, namespace }) + query;
}

/**
 * The requests of the aggregated API, carried out on the objects of the old group. Objects go by the name under which
 * they are stored, as upstream has it: a legacy `default.web` is shown as `web` and found as `default.web` only.
 */
export class Operations {
  readonly #api: TestApi;

  constructor(api: TestApi) {
    this.#api = api;
  }

  async get(target: Target): Promise<Answer> {
    return showing(await this.#api.request("GET", storedPath(target)), target);
  }

  /** Leaves out what Calico cannot read, as upstream does. */
  async list(target: Target): Promise<Answer> {
    const answer = await this.#api.request("GET", storedPath(target));
    if (answer.status >= 300) return answer;
    const { served } = target;
    const metadata = objectAt(answer.body, "metadata");
    const items = objectsAt(answer.body, "items").flatMap((item) => shownOrNothing(item, served));
    const body = { kind: `${served.kind}List`, apiVersion: SERVED_VERSION, metadata, items };
    return { status: 200, body };
  }

  async create(target: Target, body: JsonObject): Promise<Answer> {
    const { namespace } = target;
    const creationTimestamp = new Date().toISOString().replace(/\.\d+/, "");
    const { uid: _uid, resourceVersion: _version, ...given } = objectAt(body, "metadata");
    const metadata = { ...given, ...(namespace === undefined ? {} : { namespace }), creationTimestamp };
    const object = stored({ ...body, metadata }, target.served);
    return showing(await this.#api.request("POST", storedPath(target), object), target);
  }

  async update(target: Target, body: JsonObject): Promise<Answer> {
    const current = await this.get({ ...target, query: "" });
    return current.status >= 300 ? current : this.#replace(target, current.body, body);
  }

  async patch(target: Target, patch: JsonObject): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const current = await this.get({ ...target, query: "" });
      if (current.status >= 300) return current;
      const answer = await this.#replace(target, current.body, mergePatch(current.body, patch));
      const retry = answer.status === 409 && objectAt(patch, "metadata")["resourceVersion"] === undefined;
      if (!retry || attempt === PATCH_ATTEMPTS) return answer;
    }
  }

  async delete(target: Target, options: JsonObject): Promise<Answer> {
    const { uid, ...others } = objectAt(options, "preconditions");
    const preconditions = { ...others, ...(uid === undefined ? {} : { uid: otherUid(uid) }) };
    const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions };
    return this.#api.request("DELETE", storedPath(target), body);
  }

  async #replace(target: Target, current: JsonObject, wanted: JsonObject): Promise<Answer> {
    const { name, uid, resourceVersion, creationTimestamp } = objectAt(current, "metadata");
    const asked = objectAt(wanted, "metadata");
    if (asked["name"] !== target.name) {
      return failure(400, `the name of the object (${textAt(asked, "name")}) is not that of the URL`);
    }
    if (asked["uid"] !== undefined && asked["uid"] !== uid) {
      return failure(409, `Precondition failed: UID in precondition: ${textAt(asked, "uid")}`);
    }
    const metadata = { resourceVersion, ...asked, name, uid, creationTimestamp };
    const object = stored({ ...wanted, metadata }, target.served);
    return showing(await this.#api.request("PUT", storedPath(target), object), target);
  }
}

function showing(answer: Answer, { served }: Target): Answer {
  return answer.status >= 300 ? answer : { status: answer.status, body: shown(answer.body, served) };
}

function shownOrNothing(item: JsonObject, served: ServedKind): JsonObject[] {
  try {
    return [shown(item, served)];
  } catch (error) {
    if (error instanceof Unreadable) return [];
    throw error;
  }
}
