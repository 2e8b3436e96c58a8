import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** How long a worker lives: for so many write boundaries, until it has begun a stage, or until its parent kills it at a moment of no meaning. */
export type Span = number | "stage" | Surprise;

/** A death by the parent's hand, so many milliseconds after so many write boundaries, wherever the worker is then. */
export interface Surprise {
  boundaries: number;
  ms: number;
}

/** How many boundaries a worker lives on at most while its parent waits to kill it: how many die must not depend on how fast they are. */
const GRACE = 20;

/** What a worker process works on. */
export interface LifeRequest {
  store: string;
  /** Left out for a cluster without an etcd of Calico's. */
  etcdEndpoint?: string;
  kubeconfig: string;
  runId: string;
  /** After how many write boundaries it kills itself, or that it does so whenever it has begun a stage; it lives on without. */
  boundaries?: number | "stage";
  /** How many boundaries before its own end it tells its parent. */
  notice?: number;
  leaseTtlMs?: number;
}

/** Starts a worker process. */
export function bear(request: LifeRequest): ChildProcess {
  const { store, etcdEndpoint = "", kubeconfig, runId, boundaries = "", notice = 0 } = request;
  const worker = fileURLToPath(import.meta.resolve("./worker.ts"));
  const leaseTtlMs = request.leaseTtlMs ?? 15_000;
  const numbers = [boundaries, leaseTtlMs, notice].map(String);
  const args = [worker, store, etcdEndpoint, kubeconfig, runId, ...numbers];
  return spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
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
  const child = bear({ ...request, boundaries: span.boundaries + GRACE, notice: GRACE });
  let timer: NodeJS.Timeout | undefined;
  child.once("message", () => {
    timer = setTimeout(() => child.kill("SIGKILL"), span.ms);
  });
  try {
    return await death(child);
  } finally {
    clearTimeout(timer);
  }
}
