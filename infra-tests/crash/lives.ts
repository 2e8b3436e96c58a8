import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** How long a worker lives: for so many write boundaries, until it has begun a stage, or until its parent kills it after so many milliseconds. */
export type Span = number | "stage" | { ms: number };

/** What a worker process works on. */
export interface LifeRequest {
  store: string;
  /** Left out for a cluster without an etcd of Calico's. */
  etcdEndpoint?: string;
  kubeconfig: string;
  runId: string;
  /** After how many write boundaries it kills itself, or that it does so whenever it has begun a stage; it lives on without. */
  boundaries?: number | "stage";
  leaseTtlMs?: number;
}

/** Starts a worker process. */
export function bear(request: LifeRequest): ChildProcess {
  const { store, etcdEndpoint = "", kubeconfig, runId, boundaries = "", leaseTtlMs = 15_000 } = request;
  const worker = fileURLToPath(import.meta.resolve("./worker.ts"));
  const args = [worker, store, etcdEndpoint, kubeconfig, runId, String(boundaries), String(leaseTtlMs)];
  return spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Waits until a worker has ended; true when it was killed, false when the run was settled. Throws when it broke. */
export async function death(child: ChildProcess): Promise<boolean> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal === "SIGKILL") return true;
  if (code === 0) return false;
  throw new Error(`the worker ended with code ${code ?? "none"}, signal ${signal ?? "none"}`);
}

/** Lets workers live and die one after the other, as long as `spans` says, until the run is settled; returns how many died. */
export async function liveThrough(request: LifeRequest, spans: Iterable<Span>): Promise<number> {
  let deaths = 0;
  for (const span of spans) {
    if (!(await live(request, span))) return deaths;
    deaths++;
  }
  if (await live(request)) throw new Error("the last worker was killed by somebody else");
  return deaths;
}

async function live(request: LifeRequest, span?: Span): Promise<boolean> {
  if (typeof span !== "object")
    return death(bear(span === undefined ? request : { ...request, boundaries: span }));
  const child = bear(request);
  const timer = setTimeout(() => child.kill("SIGKILL"), span.ms);
  try {
    return await death(child);
  } finally {
    clearTimeout(timer);
  }
}
