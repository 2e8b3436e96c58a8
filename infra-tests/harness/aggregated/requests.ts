import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { requestSubject } from "../../../shared/kubernetes/paths.ts";
import { type Answer, failure } from "./answers.ts";
import { SERVED_KINDS } from "./kinds.ts";
import type { Operations, Target } from "./operations.ts";

/** A request to the resources of the served group. */
export interface ResourceRequest {
  verb: string;
  target: Target;
  watch: boolean;
}

// Labels live in an annotation, where the old group cannot select by them; fields are checked against the old schema.
const NOT_HANDED_ON = [
  "labelSelector",
  "fieldValidation",
  "propagationPolicy",
  "gracePeriodSeconds",
  "pretty",
];

/** What a request is about; a failure for what this server does not do. */
export function resourceRequest(method: string, url: URL): ResourceRequest | Answer {
  const { verb, resource, subresource, namespace, name } = requestSubject(method, url.pathname);
  const served = SERVED_KINDS.get(resource);
  if (served === undefined || subresource !== undefined) {
    return failure(404, "the server could not find the requested resource");
  }
  if ((url.searchParams.get("labelSelector") ?? "") !== "") {
    return failure(400, "the test bed's API server does not select by label");
  }
  for (const parameter of NOT_HANDED_ON) url.searchParams.delete(parameter);
  const watch = ["1", "true"].includes(url.searchParams.get("watch") ?? "");
  return { verb, watch, target: { served, namespace, name, query: url.search } };
}

/** Carries out everything but a watch. */
export async function carryOut(
  operations: Pick<Operations, "get" | "list" | "create" | "update" | "patch" | "delete">,
  { verb, target }: ResourceRequest,
  from: IncomingMessage,
): Promise<Answer> {
  switch (verb) {
    case "get":
      return operations.get(target);
    case "list":
      return operations.list(target);
    case "create":
      return operations.create(target, await bodyOf(from));
    case "update":
      return operations.update(target, await bodyOf(from));
    case "patch":
      return patch(operations, target, from);
    case "delete":
      return operations.delete(target, await bodyOf(from));
    default:
      return failure(405, `the test bed's API server does not ${verb}`);
  }
}

async function patch(
  operations: Pick<Operations, "patch">,
  target: Target,
  from: IncomingMessage,
): Promise<Answer> {
  if (from.headers["content-type"]?.startsWith("application/merge-patch+json") !== true) {
    return failure(415, "the test bed's API server knows JSON merge patches only");
  }
  return operations.patch(target, await bodyOf(from));
}

async function bodyOf(from: IncomingMessage): Promise<JsonObject> {
  const sent = await text(from);
  const value: unknown = sent === "" ? {} : JSON.parse(sent);
  if (!isJsonObject(value)) throw new SyntaxError("the body is not a JSON object");
  return value;
}
