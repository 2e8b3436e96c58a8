import assert from "node:assert/strict";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { managersOf } from "./applies.ts";

/** Who manages which field of what belongs to objects of Calico, its owner references among them, by its name. */
export async function dependantsManagers(api: TestApi): Promise<Record<string, JsonObject[]>> {
  return Object.fromEntries((await dependants(api)).map((one) => [nameOf(one), managersOf(one)]));
}

/** The same with owners by kind and name, as a migration gives them other UIDs, and without an order. */
export async function managersByOwner(api: TestApi): Promise<Record<string, JsonObject[]>> {
  return Object.fromEntries((await dependants(api)).map((one) => [nameOf(one), byOwner(one)]));
}

async function dependants(api: TestApi): Promise<JsonObject[]> {
  const { items } = await mustRequest(api, "GET", "/api/v1/configmaps");
  const owned = objectsAt({ items: items ?? [] }, "items").filter((one) =>
    nameOf(one).startsWith("owned-by-calico-"),
  );
  assert.ok(owned.length > 0);
  return owned;
}

function byOwner(object: JsonObject): JsonObject[] {
  const owners = objectsAt(object, "metadata", "ownerReferences");
  const named = managersOf(object).map((entry) =>
    owners.reduce(
      (text, owner) =>
        text.replaceAll(textAt(owner, "uid"), `${textAt(owner, "kind")} ${textAt(owner, "name")}`),
      JSON.stringify(entry),
    ),
  );
  return named
    .sort()
    .map((text): unknown => JSON.parse(text))
    .filter(isJsonObject);
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}
