import { type Document, LineCounter, parseAllDocuments, type Tags } from "yaml";
import { MigratorError } from "../errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { textAt } from "./fields.ts";

/** An object and where it stands: `calico.yaml, document 3, line 120`. */
interface LocatedObject {
  object: JsonObject;
  where: string;
}

/** YAML 1.1 has more types than JSON; kubectl's parser reads what looks like one of these as the string it is written as. */
const notRead = /:(timestamp|binary|omap|pairs|set)$/;

/**
 * The objects of one YAML or JSON text, `List` objects unpacked, empty documents left out. YAML is read as kubectl reads
 * it, so as version 1.1: `0644` is octal and `yes` is true. Throws MANIFEST_INVALID.
 */
export function parseManifest(name: string, text: string): LocatedObject[] {
  const lines = new LineCounter();
  const documents: Document[] = [
    ...parseAllDocuments(text, {
      version: "1.1",
      customTags: jsonTags,
      lineCounter: lines,
      prettyErrors: false,
    }),
  ];
  return documents.flatMap((document, index) => {
    const at = (offset: number): string =>
      `${name}, document ${index + 1}, line ${lines.linePos(offset).line}`;
    const [problem] = [...document.errors, ...document.warnings];
    // The parser's message may quote the text, and a manifest may hold a Secret: only its code is told.
    if (problem !== undefined) {
      throw invalid(
        at(problem.pos[0]),
        `not valid YAML (${problem.code.toLowerCase().replaceAll("_", " ")})`,
      );
    }
    const where = at(document.contents?.range?.[0] ?? 0);
    return unpack(toJson(document, where), where);
  });
}

/** `kind namespace/name`, as in messages. */
export function describeObject(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return `${textAt(object, "kind")} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

/** What makes an object the same one for the API server: group, kind, namespace and name. */
export function objectKey(object: JsonObject): string {
  const apiVersion = textAt(object, "apiVersion");
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return `${group}/${describeObject(object)}`;
}

function jsonTags(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === "string" || !(notRead.test(tag.tag) || isSexagesimal(tag)));
}

function isSexagesimal(tag: object): boolean {
  return "format" in tag && tag.format === "TIME";
}

function toJson(document: Document, where: string): Json {
  try {
    return document.toJS() as Json;
  } catch {
    throw invalid(where, "not valid YAML (an alias is not defined, or there are too many)");
  }
}

function unpack(value: Json, where: string): LocatedObject[] {
  if (value === null) return [];
  if (!isJsonObject(value)) throw invalid(where, "not an object");
  if (textAt(value, "kind").endsWith("List") && Array.isArray(value["items"])) {
    return value["items"].flatMap((item, index) => unpack(item, `${where}, item ${index + 1}`));
  }
  checkIdentity(value, where);
  return [{ object: value, where }];
}

function checkIdentity(object: JsonObject, where: string): void {
  for (const field of ["apiVersion", "kind"]) {
    if (textAt(object, field) === "") throw invalid(where, `${field} is missing`);
  }
  if (textAt(object, "metadata", "name") !== "") return;
  const generated = textAt(object, "metadata", "generateName") !== "";
  throw invalid(
    where,
    generated ? "metadata.generateName gives another object at each try" : "metadata.name is missing",
  );
}

function invalid(where: string, what: string): MigratorError {
  return new MigratorError("MANIFEST_INVALID", `${where}: ${what}`, {
    next: "Correct the manifest; kubectl apply --dry-run=client shows the same problem.",
    details: { where },
  });
}
