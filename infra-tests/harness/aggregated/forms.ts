import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt } from "../../../shared/kubernetes/fields.ts";

/** How a client wants objects: whole, their metadata only (the garbage collector), or as rows of a table (kubectl). */
export type Form = "whole" | "metadata" | "table";

const FORMS: Readonly<Record<string, Form>> = {
  "": "whole",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadata",
  Table: "table",
};

/** The first form in an Accept header that can be given as JSON; `whole` where there is none. */
export function formOf(accept: string | undefined): Form {
  for (const clause of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = clause.split(";").map((part) => part.trim());
    if (!["application/json", "application/*", "*/*"].includes(type)) continue;
    const as = parameters.find((parameter) => parameter.startsWith("as="))?.slice(3) ?? "";
    const version = parameters.find((parameter) => parameter.startsWith("v="))?.slice(2) ?? "v1";
    const form = FORMS[as];
    if (form !== undefined && version === "v1") return form;
  }
  return "whole";
}

const META = { apiVersion: "meta.k8s.io/v1" };

/** One object in a form. */
export function objectIn(form: Form, object: JsonObject): JsonObject {
  switch (form) {
    case "whole":
      return object;
    case "metadata":
      return { kind: "PartialObjectMetadata", ...META, metadata: object["metadata"] };
    case "table":
      return table({}, [object]);
  }
}

/** A list in a form. */
export function listIn(form: Form, list: JsonObject): JsonObject {
  const items = objectsAt(list, "items");
  const metadata = objectAt(list, "metadata");
  switch (form) {
    case "whole":
      return list;
    case "metadata":
      return {
        kind: "PartialObjectMetadataList",
        ...META,
        metadata,
        items: items.map((item) => objectIn("metadata", item)),
      };
    case "table":
      return table(metadata, items);
  }
}

const COLUMNS = [
  { name: "Name", type: "string", format: "name", description: "", priority: 0 },
  { name: "Created At", type: "date", format: "", description: "", priority: 0 },
];

function table(metadata: JsonObject, items: readonly JsonObject[]): JsonObject {
  const rows = items.map((item) => {
    const { name = "", creationTimestamp = "" } = objectAt(item, "metadata");
    return { cells: [name, creationTimestamp], object: objectIn("metadata", item) };
  });
  return { kind: "Table", ...META, metadata, columnDefinitions: COLUMNS, rows };
}
