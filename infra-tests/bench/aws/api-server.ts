import { once } from "node:events";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { KubernetesHandle } from "../../harness/kubernetes.ts";

/** What an API server did for a migration. */
export interface KubernetesWork {
  /** For Calico's resources, without watches. */
  requests: number;
  /** From the arrival of each of them to its answer, added up, as the API server measured it. */
  requestMs: number;
  /** Of the whole process, which also does what nobody asked for. */
  cpuMs: number;
}

const CALICO = /group="[^"]*projectcalico\.org"/;
const ENDLESS = /verb="(WATCH|CONNECT)"/;

/** What the API server has done since its start, by its own metrics. */
export async function kubernetesWork({ api }: Pick<KubernetesHandle, "api">): Promise<KubernetesWork> {
  const headers = { authorization: `Bearer ${api.token}` };
  const asked = request(new URL("/metrics", api.server), { headers, ca: api.ca }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const metrics = await text(answer);
  if (answer.statusCode !== 200) throw new Error(`the API server's metrics: ${String(answer.statusCode)}`);
  return parseWork(metrics);
}

/** The work that metrics in Prometheus' text format tell of. */
export function parseWork(metrics: string): KubernetesWork {
  const lines = metrics.split("\n");
  const sum = (name: string, counts: (labels: string) => boolean): number =>
    lines
      .map((line) => /^([^{ ]+)(\{.*\})? (\S+)$/.exec(line))
      .filter((found) => found?.[1] === name && counts(found[2] ?? ""))
      .reduce((all, found) => all + Number(found?.[3]), 0);
  const isMigration = (labels: string): boolean => CALICO.test(labels) && !ENDLESS.test(labels);
  return {
    requests: sum("apiserver_request_duration_seconds_count", isMigration),
    requestMs: 1000 * sum("apiserver_request_duration_seconds_sum", isMigration),
    cpuMs: 1000 * sum("process_cpu_seconds_total", () => true),
  };
}

/** What was done between two readings. */
export function workBetween(before: KubernetesWork, after: KubernetesWork): KubernetesWork {
  return {
    requests: after.requests - before.requests,
    requestMs: after.requestMs - before.requestMs,
    cpuMs: after.cpuMs - before.cpuMs,
  };
}
