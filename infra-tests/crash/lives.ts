import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a worker process works on. */
export interface LifeRequest {
  store: string;
  etcdEndpoint: string;
  kubeconfig: string;
  runId: string;
  /** After how many write boundaries it kills itself, or that it does so whenever it has begun a stage; it lives on without. */
  boundaries?: number | "stage";
  leaseTtlMs?: number;
}

/** Starts a worker process. */
export function bear(request: LifeRequest): ChildProcess {
  const { store, etcdEndpoint, kubeconfig, runId, boundaries = "", leaseTtlMs = 15_000 } = request;
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
export async function liveThrough(request: LifeRequest, spans: Iterable<number | "stage">): Promise<number> {
  let deaths = 0;
  for (const boundaries of spans) {
    if (!(await death(bear({ ...request, boundaries })))) return deaths;
    deaths++;
  }
  if (await death(bear(request))) throw new Error("the last worker was killed by somebody else");
  return deaths;
}
