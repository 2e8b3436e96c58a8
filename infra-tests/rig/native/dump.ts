import { Pool } from "undici";
import { parseExactJson } from "../../../shared/exact-json.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt } from "../../../shared/kubernetes/fields.ts";
import type { TestApi } from "../../harness/api.ts";
import { dumpKubernetes } from "../../harness/dump.ts";
import { Snapshot } from "../../harness/snapshot.ts";

const OLD = "/apis/crd.projectcalico.org/v1";
const NATIVE = "/apis/projectcalico.org/v3";

/** Both groups at one moment, without what the API server adds, and with every integer exact. */
export interface GroupDumps {
  /** crd.projectcalico.org/v1; empty once its CRDs are gone. */
  old: Snapshot;
  /** projectcalico.org/v3, whoever serves it: the aggregated API, which has no blocks and handles, or the CRDs. */
  native: Snapshot;
}

/** Reads both groups, the old one first. The cluster must authenticate by token. */
export async function dumpGroups(api: TestApi): Promise<GroupDumps> {
  const pool = new Pool(api.server, { connections: 4, connect: { ca: api.ca } });
  const exact: TestApi = { ...api, request: (_method, path) => readExactly(pool, api.token, path) };
  try {
    const old = await dumpKubernetes(exact, { paths: [OLD] });
    return { old, native: await dumpKubernetes(exact, { paths: [NATIVE] }) };
  } finally {
    await pool.destroy();
  }
}

async function readExactly(
  pool: Pool,
  token: string,
  path: string,
): Promise<{ status: number; body: JsonObject }> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const answer = await pool.request({ method: "GET", path, headers });
  const text = await answer.body.text();
  const body = answer.headers["content-type"]?.includes("json") === true ? parseExactJson(text) : undefined;
  return { status: answer.statusCode, body: isJsonObject(body) ? body : {} };
}

/** The snapshot with owners by kind and name only: their UIDs change with the group that keeps them. */
export function withoutOwnerUids(snapshot: Snapshot): Snapshot {
  return new Snapshot([...snapshot.entries].map(([id, text]) => [id, ownersByName(text)] as const));
}

function ownersByName(text: string): string {
  const object = parseExactJson(text);
  if (!isJsonObject(object) || objectsAt(object, "metadata", "ownerReferences").length === 0) return text;
  const ownerReferences = objectsAt(object, "metadata", "ownerReferences").map(({ uid, ...owner }) => owner);
  return canonicalJson({ ...object, metadata: { ...objectAt(object, "metadata"), ownerReferences } });
}
