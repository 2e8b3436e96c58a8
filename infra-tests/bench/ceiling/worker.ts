import { seedCalico } from "../../harness/seed.ts";
import { inParallel } from "../../harness/parallel.ts";
import { openClient, WIDTH } from "./clients.ts";
import type { CeilingJob, CeilingTime } from "./ceiling.ts";
import { writesOf } from "./writes.ts";

// The process of the bare loop: gets a job, says when its objects are ready, and begins when it is told to.

async function work({ server, seed }: CeilingJob): Promise<void> {
  const ranks = writesOf(seedCalico(seed).entries());
  const client = openClient(server);
  process.send?.("ready");
  await told();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (const writes of ranks) await inParallel(writes, WIDTH, (write) => client.send(write));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const time: CeilingTime = { writes: ranks.flat().length, ms, cpuMs: (user + system) / 1000 };
  process.send?.(time);
  await client.close();
  process.disconnect();
}

function told(): Promise<unknown> {
  return new Promise((resolve) => process.once("message", resolve));
}

process.once("message", (job) => void work(job as CeilingJob));
