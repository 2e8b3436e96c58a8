import { setTimeout as sleep } from "node:timers/promises";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { encodeWork } from "../../../events/work.ts";
import type { Bed } from "./bed.ts";
import { measureUsage, type ServiceUsage } from "./usage.ts";

/** After the handler's last request, so that no two messages meet. */
const PAUSE_MS = 500;

/** What messages cost that find nothing to do. */
export interface Hops {
  /** From when each was sent to the function's first request: SQS, the poller, the invocation. Milliseconds. */
  onTheWayMs: number[];
  /** While they were handled. */
  used: ServiceUsage;
}

/** Advances a run that has ended, so many times, one after another. */
export async function measureHops(bed: Bed, runId: string, count: number): Promise<Hops> {
  const { result, used } = await measureUsage(bed, async () => {
    const onTheWayMs: number[] = [];
    while (onTheWayMs.length < count) {
      onTheWayMs.push(await oneHop(bed, runId));
      await sleep(PAUSE_MS);
    }
    return onTheWayMs;
  });
  return { onTheWayMs: result, used };
}

async function oneHop({ service, meter }: Bed, runId: string): Promise<number> {
  const arrival = meter.arrival(runId);
  const sentAt = performance.now();
  await service.sqs.send(
    new SendMessageCommand({
      QueueUrl: service.output("RunsQueueUrl"),
      MessageBody: encodeWork({ type: "run.advance", runId }, 0),
    }),
  );
  return (await arrival) - sentAt;
}
