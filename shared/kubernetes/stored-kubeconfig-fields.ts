import { MigratorError } from "../errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";

/** What a stored field must be. */
type Kind = "text" | "texts";

/** A field that cannot be stored, and what takes its place. */
interface Refusal {
  code: string;
  why: string;
  next: string;
}

const file = (data: string): Refusal => ({
  code: "KUBECONFIG_FILE_REFUSED",
  why: "names a file, which is not there where the kubeconfig is used",
  next: `Give ${data} in its place; \`calico-migrator clusters add\` embeds the files of a kubeconfig itself.`,
});

/** How `clusters add --aws` takes a cluster without credentials that can be stored. */
export const SERVICE_ACCOUNT =
  "Add it with --service-account NAMESPACE/NAME, whose rights `calico-migrator rbac` prints; an EKS cluster with --eks.";

const clusterRefusals: Readonly<Record<string, Refusal>> = {
  "certificate-authority": file("certificate-authority-data"),
  "insecure-skip-tls-verify": {
    code: "KUBECONFIG_INSECURE_TLS_REFUSED",
    why: "switches off what proves that the server is the right one",
    next: "Remove it, and give the cluster's authority as certificate-authority-data.",
  },
  "proxy-url": {
    code: "KUBECONFIG_PROXY_REFUSED",
    why: "would let a proxy decide where credentials are sent",
    next: "Remove it, and make the API server reachable from where the migration runs.",
  },
};

const userRefusals: Readonly<Record<string, Refusal>> = {
  "client-certificate": file("client-certificate-data"),
  "client-key": file("client-key-data"),
  tokenFile: file("token"),
  exec: {
    code: "KUBECONFIG_EXEC_REFUSED",
    why: "runs a program, which a stored kubeconfig must not",
    next: SERVICE_ACCOUNT,
  },
  "auth-provider": {
    code: "KUBECONFIG_AUTH_PROVIDER_REFUSED",
    why: "needs a plugin, which a stored kubeconfig must not",
    next: SERVICE_ACCOUNT,
  },
  "as-user-extra": {
    code: "KUBECONFIG_IMPERSONATION_REFUSED",
    why: "is not sent by this program, so the server would see another user",
    next: "Remove it; as, as-groups and as-uid are kept.",
  },
};

const clusterFields: Readonly<Record<string, Kind>> = {
  server: "text",
  "certificate-authority-data": "text",
  "tls-server-name": "text",
};

const userFields: Readonly<Record<string, Kind>> = {
  token: "text",
  "client-certificate-data": "text",
  "client-key-data": "text",
  username: "text",
  password: "text",
  as: "text",
  "as-groups": "texts",
  "as-uid": "text",
};

/** Fields that change nothing about who is reached and how. */
const dropped = new Set(["extensions", "disable-compression"]);

/** The fields of a kubeconfig's cluster that are stored. Throws what `storedUser` throws. */
export function storedCluster(path: string, cluster: JsonObject): JsonObject {
  return keep(path, cluster, clusterFields, clusterRefusals);
}

/**
 * The fields of a kubeconfig's user that are stored; empty ones are left out, as kubectl ignores them. Throws
 * KUBECONFIG_EXEC_REFUSED, _AUTH_PROVIDER_REFUSED, _FILE_REFUSED, _INSECURE_TLS_REFUSED, _PROXY_REFUSED,
 * _IMPERSONATION_REFUSED, _FIELD_UNKNOWN, and KUBECONFIG_INVALID for a field of the wrong type.
 */
export function storedUser(path: string, user: JsonObject): JsonObject {
  return keep(path, user, userFields, userRefusals);
}

function keep(
  path: string,
  entry: JsonObject,
  fields: Readonly<Record<string, Kind>>,
  refusals: Readonly<Record<string, Refusal>>,
): JsonObject {
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(entry)) {
    if (isEmpty(value) || dropped.has(name)) continue;
    const field = `${path}.${name}`;
    const refusal = refusals[name];
    if (refusal !== undefined) throw refused(field, refusal);
    const kind = fields[name];
    if (kind === undefined) throw unknown(field, Object.keys(fields));
    if (!isOf(kind, value)) throw wrongType(field, kind);
    kept[name] = value;
  }
  return kept;
}

function isEmpty(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === "" || value === false;
}

/** Control characters would end a header or a line early. */
function isOf(kind: Kind, value: Json | undefined): boolean {
  if (kind === "texts") return Array.isArray(value) && value.every((item) => isOf("text", item));
  return typeof value === "string" && !/\p{Cc}/u.test(value);
}

function refused(field: string, { code, why, next }: Refusal): MigratorError {
  return new MigratorError(code, `${field} ${why}`, { next, details: { field } });
}

function unknown(field: string, known: readonly string[]): MigratorError {
  return new MigratorError(
    "KUBECONFIG_FIELD_UNKNOWN",
    `${field} is not known, so it is not known to be harmless; stored are ${known.join(", ")}`,
    { next: "Remove the field, if the cluster can be reached without it.", details: { field } },
  );
}

function wrongType(field: string, kind: Kind): MigratorError {
  const wanted = kind === "texts" ? "a list of texts of one line" : "a text of one line";
  return new MigratorError("KUBECONFIG_INVALID", `${field} is not ${wanted}`, {
    next: "Correct the field in the kubeconfig.",
    details: { field },
  });
}
